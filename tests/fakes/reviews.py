"""Reviews of a :class:`~tests.fakes.world.World`, started beside it as by the command."""

from pathlib import Path
from typing import Any

from broker.clock import SystemClock
from broker.installation import open_installation
from broker.review_desk import ReviewDesk, Started, Wish
from tests.fakes.cast import Who
from tests.fakes.world import Answer, World

DUE = "2099-06-30"
NEXT = "2099-12-31"


def wish(*trails: Path, **said: Any) -> Wish:
    """Say whose agents are to be reviewed."""
    plain = {
        "tenant": "acme",
        "owners": (),
        "due": DUE,
        "next_review": NEXT,
        "reason": "a test",
        "since": "2000-01-01T00:00:00.000Z",
        "by": "olga",
    }
    return Wish(trails=trails, **(plain | said))


async def start(world: World, *trails: Path, **said: Any) -> dict[str, Started]:
    """Start reviews; return them by owner."""
    async with open_installation(world.config.settings()) as found:
        desk = ReviewDesk(found, SystemClock(), lambda *_: None)
        started = await desk.start(wish(*trails, **said))
    for each in world.running:
        await each.broker.look()
    return {each.header.owner: each for each in started}


async def agent_of(world: World, who: Who, review: Started, agent: str) -> dict[str, Any]:
    """Read what a review says of an agent."""
    found = await world.get(who, f"/v1/reviews/{review.id}/agents")
    assert found.status == 200, found.raw
    [each] = [each for each in found["agents"] if each["entry"]["agent"] == agent]
    return each


async def answer(
    world: World, who: Who, review: Started, agent: str, verdict: str, **said: Any
) -> Answer:
    """Answer about an agent, which may be refused."""
    body = {"agent": agent, "verdict": verdict, "packet": review.digest, "reason": "looked at"}
    return await world.post(who, f"/v1/reviews/{review.id}/answers", {**body, **said})
