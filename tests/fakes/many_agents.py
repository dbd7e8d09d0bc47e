"""Very many agents of one owner in a :class:`~tests.fakes.world.World`, and a trail of theirs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from broker.audit.record import GENESIS, digest, encode
from broker.clock import SystemClock
from broker.fact_desk import FactDesk
from broker.facts.change import ChangeSet, PutThing
from broker.installation import open_installation
from broker.model.fact import Thing, ThingKind
from tests.fakes.cast import ERIN
from tests.fakes.people import change, register
from tests.fakes.until import until
from tests.fakes.world import World

_AT_ONCE: Final = 2_000


async def many_agents(world: World, team: str, count: int) -> list[str]:
    """Register agents that a team owns, which erin is in; return their names in their order."""
    await register(world, ERIN)
    edge = {"subject": "person:erin", "relation": "member-of", "object": f"team:{team}"}
    joins = {"op": "relate", "relationship": edge}
    await change(world, {"op": "put", "thing": {"ref": f"team:{team}"}}, joins)
    names = [f"{team}-{number:05d}" for number in range(count)]
    async with open_installation(world.config.settings()) as found:
        desk = FactDesk(found, SystemClock())
        for start in range(0, count, _AT_ONCE):
            some = tuple(PutThing(_agent(each, team)) for each in names[start : start + _AT_ONCE])
            revision = (await desk.facts()).revision
            await desk.make(revision, ChangeSet("operator:test", "many agents", some))
    await until(lambda: world.broker.replica.facts.agent(names[-1]) is not None)
    return names


def _agent(name: str, team: str) -> Thing:
    return Thing(
        kind=ThingKind.AGENT,
        tenant="acme",
        name=name,
        status="active",
        owner=f"team:{team}",
        purpose="one of many",
        risk="low",
    )


def trail_of(file: Path, names: Sequence[str]) -> Path:
    """Write a trail in which each was given something, as a broker writes it."""
    prev = GENESIS
    with file.open("wb") as lines:
        for seq, name in enumerate(names, 1):
            record = {
                "seq": seq,
                "epoch": "e",
                "at": "2027-01-15T08:00:00.000Z",
                "type": "lease.issued",
                "tenant": "acme",
                "bucket": "00",
                "n": seq,
                "op": f"o{seq}",
                "agent": name,
                "capability": "orders-api",
                "scopes": ["orders:read"],
                "prev": prev,
            }
            line = encode(record)
            prev = digest(line)
            lines.write(line + b"\n")
    return file
