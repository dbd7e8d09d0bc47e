"""What an agent may ask for in a run on a task that may have more."""

from typing import cast

import pytest

from broker.running.declared_verbs import DeclaredVerbs
from broker.running.need import Need
from broker.tools.verbs import AgentVerbs, VerbRefusedError
from broker.tools.words import TaskSeen
from tests.fakes.agent_verbs import GIVEN, SEEN, TASK, ScriptedVerbs

WIDE = {"orders-api": ["orders:list", "orders:read", "orders:write"], "reports-read": ["x"]}


class Scripted(ScriptedVerbs):
    """As an agent's own verbs are: what was refused is remembered."""

    def refused(self, asked: str, text: str) -> VerbRefusedError:
        """Note it."""
        self.told.append(("refused", asked))
        return VerbRefusedError(text)


def need(capability: str, *scopes: str, ttl: int | None = None) -> Need:
    """Return a need."""
    return Need(name=capability, capability=capability, scopes=scopes, ttl_seconds=ttl)


def verbs(agent: Scripted, *needs: Need) -> DeclaredVerbs:
    """Return the verbs for these needs."""
    return DeclaredVerbs(cast("AgentVerbs", agent), needs)


async def test_what_a_need_says_is_asked_for() -> None:
    """A part of its scopes, too; with the tool that it is for."""
    agent = Scripted()
    asks = verbs(agent, need("orders-api", "orders:read", "orders:write"))

    given = await asks.ask("orders-api", ["orders:read"], 60, {"name": "search"})

    assert given == GIVEN
    assert agent.told == [("ask", "orders-api", ["orders:read"], 60, {"name": "search"})]


@pytest.mark.parametrize(
    ("capability", "scopes"),
    [
        ("orders-api", ["orders:write"]),
        ("orders-api", ["orders:read", "orders:write"]),
        ("orders-api", []),
        ("reports-read", ["orders:read"]),
        ("orders-api", ["reports:read"]),
    ],
)
async def test_nothing_else_is(capability: str, scopes: list[str]) -> None:
    """Whatever the task may have; the broker is not asked, and the agent learns what to ask for."""
    agent = Scripted()
    asks = verbs(
        agent, need("orders-api", "orders:read"), need("reports-read", "reports:read", "x")
    )

    with pytest.raises(VerbRefusedError) as refused:
        await asks.ask(capability, scopes)

    assert "Declared is: orders-api with orders:read; reports-read with reports:read, x." in str(
        refused.value
    )
    assert [told[0] for told in agent.told] == ["refused"]


async def test_a_run_without_needs_gives_nothing() -> None:
    """And says that there is nothing."""
    with pytest.raises(VerbRefusedError, match="Declared is: nothing"):
        await verbs(Scripted()).ask("orders-api", ["orders:read"])


@pytest.mark.parametrize(
    ("declared", "asked", "sent"),
    [
        ((60,), None, 60),
        ((60,), 600, 60),
        ((60,), 30, 30),
        ((None,), 600, 600),
        ((None,), None, None),
        ((60, 90), None, 90),
        ((60, None), 600, 600),
    ],
)
async def test_it_lives_no_longer_than_declared(
    declared: tuple[int | None, ...], asked: int | None, sent: int | None
) -> None:
    """By the need that allows most, where several would do."""
    agent = Scripted()
    needs = (need("orders-api", "orders:read", ttl=ttl) for ttl in declared)

    await verbs(agent, *needs).ask("orders-api", ["orders:read"], asked)

    assert agent.told == [("ask", "orders-api", ["orders:read"], sent, {})]


async def test_the_task_is_shown_as_far_as_it_was_declared() -> None:
    """Of what the task may have, the rest is not for this command."""
    wide = TaskSeen("t_1", "n", "open", False, TASK.ends_at, WIDE, [], [])  # noqa: FBT003

    class Wide(Scripted):
        async def task(self) -> TaskSeen:
            return wide

    seen = await verbs(
        Wide(),
        need("orders-api", "orders:read"),
        need("orders-api", "orders:list"),
        need("no", "x"),
    ).task()

    assert seen.may_have == {"orders-api": ["orders:list", "orders:read"]}


async def test_everything_else_is_the_agents_own() -> None:
    """What was given by the run's leave is renewed, listed and given up as ever."""
    agent = Scripted()
    asks = verbs(agent)

    done = (
        await asks.renew("l_1"),
        await asks.give_up("l_1"),
        await asks.mine(),
        len(await asks.why_refused()),
    )

    assert done == (GIVEN, SEEN, [SEEN], 1)
