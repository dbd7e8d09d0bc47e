"""Facts that are changed through a broker that dies: what a repeat under the same key finds.

Either everything that a change says counts, and what rested on the contrary is dead; or nothing of
it, and all of that lives.
"""

from collections.abc import Sequence
from typing import Any, Final

import pytest

from broker.client.api_errors import AbsentError
from broker.client.results import Ceiling
from tests.chaos.cast import Held, unique
from tests.chaos.scenarios import Play, Scenario

_EXPORT: Final = "orders-export"
_SCOPES: Final = ("orders:export",)
_MANY: Final = 2_000
"""Tickets of one change that is kept in several pieces before it counts."""


def _of(op: str, play: Play) -> dict[str, Any]:
    return {"op": op, "tenant": "acme", "ref": f"ticket:{play.key}"}


async def _held(play: Play) -> None:
    thing = {"ref": f"ticket:{play.key}", "status": "open"}
    changes = [{"op": "put", "tenant": "acme", "thing": thing}, _of("hold", play)]
    await play.cast.operator.client.facts.change(changes, reason="a test")


async def _lift(play: Play) -> int:
    """Lift a hold: done twice it would be refused, for there is no hold any more."""
    made = await play.cast.operator.client.facts.change(
        [_of("lift", play)], reason=play.key, idempotency_key=play.key
    )
    return made.revision


async def _check_lifted(play: Play, revision: int) -> None:
    """It is one revision, and the thing stands."""
    facts = play.cast.operator.client.facts
    found = [each for each in (await facts.history()).history if each.reason == play.key]
    assert [each.revision for each in found] == [revision]
    assert (await facts.thing(f"ticket:{play.key}", tenant="acme")).stands


LIFT = Scenario(prepare=_held, act=_lift, check=_check_lifted)


def _put(ref: str, **said: object) -> dict[str, Any]:
    return {"op": "put", "tenant": "acme", "thing": {"ref": ref, **said}}


def _relate(subject: str, relation: str, object_: str) -> dict[str, Any]:
    edge = {"subject": subject, "relation": relation, "object": object_}
    return {"op": "relate", "tenant": "acme", "relationship": edge}


async def on_tickets(play: Play) -> None:
    """Use credentials because of a ticket, and because of another that nothing is done to."""
    play.handle = unique("T")
    for ticket in (play.handle, f"{play.handle}-other"):
        changes = [
            _put(f"ticket:{ticket}", status="open"),
            _put("dataset:orders", status="active"),
            _relate("agent:invoice-bot", "assigned-to", f"ticket:{ticket}"),
            _relate(f"ticket:{ticket}", "concerns", "dataset:orders"),
        ]
        await play.cast.operator.client.facts.change(changes, reason="work on tickets")
    play.task, play.tokens = await _work_on(play, play.handle)
    _, play.others = await _work_on(play, f"{play.handle}-other")


async def _work_on(play: Play, ticket: str) -> tuple[str, list[Held]]:
    ceiling = (Ceiling(_EXPORT, _SCOPES),)
    task = (await play.cast.open(tickets=(ticket,), ceiling=ceiling)).id
    ask = play.cast.agent.client.credentials.issue
    given = [
        await ask(task, _EXPORT, scopes=_SCOPES, ttl_seconds=600, idempotency_key=unique("issue"))
        for _ in range(2)
    ]
    return task, [play.cast.hold(each) for each in given]


async def _close(play: Play) -> int:
    return await _change(play, [_put(f"ticket:{play.handle}", status="closed")])


async def _change(play: Play, changes: Sequence[dict[str, Any]]) -> int:
    made = await play.cast.operator.client.facts.change(
        changes, reason=play.key, idempotency_key=play.key
    )
    return made.revision


async def _revisions(play: Play) -> list[int]:
    facts = play.cast.operator.client.facts
    return [each.revision for each in (await facts.history()).history if each.reason == play.key]


async def _check_closed(play: Play, revision: int) -> None:
    """One revision; dead is what rested on the ticket, and its report says so."""
    assert await _revisions(play) == [revision]
    await play.cast.all_final(play.task, [held.credential for held in play.tokens])
    await play.cast.expect(dead=play.tokens, alive=play.others)
    for receipt in (await play.cast.receipts(play.task)).values():
        assert receipt.why is not None
        assert receipt.why.reason == "no-permit"
        assert f"ticket:{play.handle} concerns dataset:orders" in receipt.why.gone


async def _close_among_many(play: Play) -> int:
    """Before the repeat nothing of it is there, however much of it lay ready."""
    play.acts += 1
    if play.acts == 2:
        await check_nothing(play)
    return await _change(play, closed_among_many(play))


def closed_among_many(play: Play) -> list[dict[str, Any]]:
    """Close the ticket, and put so much besides that it is kept in several pieces."""
    many = [
        _put(f"ticket:{play.handle}-{number}", status="open", purpose=f"{number:0>100}")
        for number in range(_MANY)
    ]
    return [*many, _put(f"ticket:{play.handle}", status="closed")]


async def check_nothing(play: Play) -> None:
    """None of it is there, and nobody has lost anything by it."""
    facts = play.cast.operator.client.facts
    assert await _revisions(play) == []
    assert (await facts.thing(f"ticket:{play.handle}", tenant="acme")).stands
    for number in (0, _MANY - 1):
        with pytest.raises(AbsentError):
            await facts.thing(f"ticket:{play.handle}-{number}", tenant="acme")
    await play.cast.expect(alive=[*play.tokens, *play.others])


async def check_all(play: Play, revision: int) -> None:
    """All of it is there."""
    await _check_closed(play, revision)
    facts = play.cast.operator.client.facts
    for number in (0, _MANY - 1):
        assert (await facts.thing(f"ticket:{play.handle}-{number}", tenant="acme")).stands


CLOSE: Final = Scenario(on_tickets, _close, _check_closed)
MANY: Final = Scenario(on_tickets, _close_among_many, check_all)
