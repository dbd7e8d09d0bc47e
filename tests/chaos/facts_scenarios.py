"""Facts that are changed through a broker that dies: what a repeat under the same key finds."""

from typing import Any

from tests.chaos.scenarios import Play, Scenario


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
