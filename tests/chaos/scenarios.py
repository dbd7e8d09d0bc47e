"""What is interrupted at each fault point, and what must be true afterwards.

A scenario is prepared while an ordinary broker runs. Then it acts on a broker that is armed, and
dies; then, as a retry with the same idempotency key, twice on one that was restarted. Both retries
must say the same, and the resource servers must agree with it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from broker.client.api_errors import AbsentError, AccessRefusedError
from broker.secret import Secret
from tests.chaos.cast import Cast, Held, unique


@dataclass(slots=True)
class Play:
    """One performance of a scenario: the cast, a key of its own, and what was prepared."""

    cast: Cast
    key: str
    task: str = ""
    handle: str = ""
    child: str = ""
    picked: str = ""
    evidence: str = field(default="", repr=False)
    acts: int = 0
    tokens: list[Held] = field(default_factory=list)
    others: list[Held] = field(default_factory=list)
    """What the act must leave alone."""


Act = Callable[[Play], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """``act`` returns what both retries must have in common; ``check`` gets it."""

    prepare: Callable[[Play], Awaitable[None]]
    act: Act
    check: Callable[[Play, Any], Awaitable[None]]


async def _nothing(_: Play) -> None:
    """Need no preparation."""


async def _task(play: Play) -> None:
    play.task = (await play.cast.open()).id


async def _unclaimed(play: Play) -> None:
    opened = await play.cast.open(instance="")
    assert opened.claim_handle is not None
    play.task, play.handle = opened.id, opened.claim_handle.reveal()


async def _task_in_use(play: Play) -> None:
    await _task(play)
    play.tokens = await play.cast.issue_both(play.task)


async def _family_in_use(play: Play) -> None:
    await _task_in_use(play)
    play.child = (await play.cast.open(parent=play.task)).id
    play.tokens += await play.cast.issue_both(play.child)
    other = (await play.cast.open()).id
    play.others = await play.cast.issue_both(other)


async def task_and_others_in_use(play: Play) -> None:
    """Use credentials of one task, and of another that nothing is done to."""
    await _task_in_use(play)
    play.others = await play.cast.issue_both((await play.cast.open()).id)


async def _opened_once(play: Play) -> None:
    await _open(play)


async def _open(play: Play) -> str:
    opened = await play.cast.open(name=play.key, instance="", idempotency_key=play.key)
    assert opened.claim_handle is not None
    play.task, play.handle = opened.id, opened.claim_handle.reveal()
    return opened.id


async def _check_opened(play: Play, task: str) -> None:
    """There is one task of the name, and the last handle opens it."""
    page = await play.cast.operator.client.tasks.find(tenant="acme", limit=100)
    assert [found.id for found in page.tasks if found.name == play.key] == [task]
    await play.cast.agent.client.tasks.claim(task, Secret(play.handle))
    await play.cast.expect(alive=await play.cast.issue_both(task))


async def _claim(play: Play) -> str:
    claimed = await play.cast.agent.client.tasks.claim(play.task, Secret(play.handle))
    return claimed.instance


async def _check_claimed(play: Play, instance: str) -> None:
    """The handle is spent: it binds nobody else."""
    assert instance == play.cast.agent.identity.instance
    with pytest.raises(AbsentError):
        await play.cast.twin.client.tasks.claim(play.task, Secret(play.handle))
    await play.cast.expect(alive=await play.cast.issue_both(play.task))


async def _beat(play: Play) -> bool:
    beaten = await play.cast.agent.client.tasks.heartbeat(play.task)
    return beaten.alive


async def _extend(play: Play) -> bool:
    extended = await play.cast.agent.client.tasks.extend(
        play.task, ttl_seconds=600, idempotency_key=play.key
    )
    return extended.alive


async def _check_alive(play: Play, alive: bool) -> None:  # noqa: FBT001 - what the act returned
    assert alive
    await play.cast.expect(alive=play.tokens)


async def _complete(play: Play) -> str:
    report = await play.cast.agent.client.tasks.complete(play.task)
    assert report.task is not None
    return report.task.ended_by


async def _check_completed(play: Play, ended_by: str) -> None:
    """Everything below is dead, the report is complete, and nothing else is touched."""
    assert ended_by == "done"
    await _check_dead(play)


async def _check_dead(play: Play) -> None:
    top = play.task or play.tokens[0].task
    await play.cast.all_final(top, [held.credential for held in play.tokens])
    await play.cast.expect(dead=play.tokens, alive=play.others)


async def _freeze(play: Play) -> str:
    report = await play.cast.operator.client.tasks.freeze(play.task, reason="odd")
    assert report.task is not None
    return f"{report.task.state} {report.task.frozen_reason}"


async def _check_frozen(play: Play, said: str) -> None:
    """Everything below is dead and told once; after a thaw it is asked for anew."""
    assert said == "frozen odd"
    await _check_dead(play)
    assert (await play.cast.operator.client.tasks.thaw(play.task, reason="meant")).alive
    await play.cast.expect(
        alive=await play.cast.issue_both(play.task) + play.others, dead=play.tokens
    )


async def _frozen(play: Play) -> None:
    await _task_in_use(play)
    await play.cast.operator.client.tasks.freeze(play.task, reason="odd")


async def _thaw(play: Play) -> bool:
    return (await play.cast.operator.client.tasks.thaw(play.task, reason="meant")).alive


async def _check_thawed(play: Play, alive: bool) -> None:  # noqa: FBT001 - what the act returned
    assert alive
    await play.cast.expect(alive=await play.cast.issue_both(play.task), dead=play.tokens)


async def _issue(play: Play) -> str:
    return (await play.cast.issue(play.task, key=play.key)).token


async def _check_issued(play: Play, token: str) -> None:
    """One lease, one token, and the servers take it; it dies with its task."""
    page = await play.cast.operator.client.credentials.find(play.task)
    (lease,) = page.credentials
    play.tokens = [Held(lease.id, play.task, lease.audience, token)]
    await complete_and_check(play)


async def complete_and_check(play: Play) -> None:
    """What was granted lives, and dies with its task."""
    await play.cast.expect(alive=play.tokens)
    await _complete(play)
    await _check_dead(play)


async def _short_lived(play: Play) -> None:
    await _task(play)
    play.tokens = [await play.cast.issue(play.task, ttl_seconds=60)]


async def _renew(play: Play) -> tuple[str, int]:
    client = play.cast.agent.client.credentials
    renewed = await client.renew(
        play.tokens[0].credential, ttl_seconds=300, idempotency_key=play.key
    )
    play.cast.hold(renewed)
    return renewed.access_token.reveal(), renewed.generation


async def _check_renewed(play: Play, renewed: tuple[str, int]) -> None:
    """One more generation; the old token and the new one live, and die together."""
    token, generation = renewed
    assert generation == 2
    old = play.tokens[0]
    play.tokens.append(Held(old.credential, old.task, old.audience, token))
    await play.cast.expect(alive=play.tokens)
    await _complete(play)
    await play.cast.all_final(play.task, [old.credential])
    await play.cast.expect(dead=play.tokens)


async def _two_tokens(play: Play) -> None:
    await _task_in_use(play)
    play.others = [play.tokens.pop()]


async def _give_back(play: Play) -> str:
    given = await play.cast.agent.client.credentials.give_back(play.tokens[0].credential)
    return given.ended_by


async def _check_given_back(play: Play, ended_by: str) -> None:
    assert ended_by == "given-back"
    await _check_dead(play)


async def revoke(play: Play, selector: Mapping[str, str]) -> str:
    """Order that what the selector names is taken away."""
    order = await play.cast.operator.client.operator.revoke(
        selector, reason="a test says so", idempotency_key=play.key
    )
    assert order.acknowledged
    return order.id


async def _revoke_credential(play: Play) -> str:
    return await revoke(play, {"credential": play.tokens[0].credential})


async def _revoke_task(play: Play) -> str:
    return await revoke(play, {"task": play.task})


async def _revoke_agent(play: Play) -> str:
    return await revoke(play, {"agent": "report-bot"})


async def _report_bot_in_use(play: Play) -> None:
    task = (await play.cast.open(play.cast.reporter)).id
    play.task = task
    play.tokens = await play.cast.issue_both(task, play.cast.reporter)
    play.others = await play.cast.issue_both((await play.cast.open()).id)


async def check_revoked(play: Play, order: str) -> None:
    """Dead, whoever carried it out; the order's own report says the same."""
    await _check_dead(play)
    report = await play.cast.operator.client.operator.revocation_report(order)
    assert {held.credential for held in play.tokens} <= {r.credential for r in report.receipts}


async def _ask_too_much(play: Play) -> str:
    with pytest.raises(AccessRefusedError) as refused:
        await play.cast.agent.client.credentials.issue(
            play.task, "orders-api", scopes=("orders:write",), idempotency_key=play.key
        )
    told = await play.cast.operator.client.operator.explain(refused.value.decision)
    return told.reason


async def _check_refused(play: Play, reason: str) -> None:
    assert reason == "beyond-ceiling"
    page = await play.cast.operator.client.credentials.find(play.task)
    assert page.credentials == ()


OPEN: Final = Scenario(_nothing, _open, _check_opened)
OPEN_AGAIN: Final = Scenario(_opened_once, _open, _check_opened)
CLAIM: Final = Scenario(_unclaimed, _claim, _check_claimed)
BEAT: Final = Scenario(_task_in_use, _beat, _check_alive)
EXTEND: Final = Scenario(_task_in_use, _extend, _check_alive)
FREEZE: Final = Scenario(_family_in_use, _freeze, _check_frozen)
THAW: Final = Scenario(_frozen, _thaw, _check_thawed)
COMPLETE: Final = Scenario(_family_in_use, _complete, _check_completed)
ISSUE: Final = Scenario(_task, _issue, _check_issued)
RENEW: Final = Scenario(_short_lived, _renew, _check_renewed)
GIVE_BACK: Final = Scenario(_two_tokens, _give_back, _check_given_back)
REVOKE_CREDENTIAL: Final = Scenario(_two_tokens, _revoke_credential, check_revoked)
REVOKE_TASK: Final = Scenario(_family_in_use, _revoke_task, check_revoked)
REVOKE_AGENT: Final = Scenario(_report_bot_in_use, _revoke_agent, check_revoked)
REFUSE: Final = Scenario(_task, _ask_too_much, _check_refused)


def a_play(cast: Cast) -> Play:
    """Begin a performance."""
    return Play(cast, unique("key"))
