"""Facts are edited by many at once, and whoever asks for access gets it meanwhile."""

import asyncio
from typing import Final

from tests.e2e.test_fact_routes import change, put
from tests.fakes.world import World

_EDITORS: Final = 50
_EDITS: Final = 6
_ASKED: Final = 40


async def test_while_many_edit_facts_access_is_given(worlds: World) -> None:
    """At the broker that takes the edits, and at the other; all edits are in a few revisions."""
    task = (await worlds.open())["id"]
    await change(worlds, *(put(f"ticket:E-{number}") for number in range(_EDITORS)))
    begun = worlds.broker.facts.revision

    edited, *given = await asyncio.gather(
        asyncio.gather(*(edit(worlds, number) for number in range(_EDITORS))),
        *(ask(worlds, task, at) for at in (0, 1)),
    )

    assert edited == [[200] * _EDITS] * _EDITORS
    assert given == [[201] * _ASKED] * 2
    assert worlds.broker.facts.revision - begun < _EDITORS * _EDITS / 2


async def edit(world: World, number: int) -> list[int]:
    """Close a ticket and open it again, and so on; return what was answered."""
    said = [put(f"ticket:E-{number}", status=("closed", "open")[run % 2]) for run in range(_EDITS)]
    return [(await change(world, each)).status for each in said]


async def ask(world: World, task: str, at: int) -> list[int]:
    """Ask a broker for credentials, one after the other; return what was answered."""
    return [(await world.ask(task, at=at)).status for _ in range(_ASKED)]
