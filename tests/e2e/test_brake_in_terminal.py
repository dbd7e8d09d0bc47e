"""Many deaths have to be meant: whoever sits at a terminal is asked, nobody else is waited for."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from broker.cli import exits
from broker.settings.limits import Reevaluation
from tests.fakes.cast import OPERATOR
from tests.fakes.command import Command, commanding
from tests.fakes.reconcile_command import write_down
from tests.fakes.world import World

HOLD: Final = ("facts", "hold", "agent:invoice-bot", "--tenant", "acme", "--reason", "INC-7")
ASKED: Final = "End these 2 live credentials? [y/N]: "
FREEZE: Final = '@id("freeze")\nforbid (principal, action, resource);\n'


@pytest.fixture
async def held(world: World) -> list[dict[str, Any]]:
    """Two credentials; more than one is too many to die unasked."""
    await world.stop()
    await world.start(reevaluation=Reevaluation(brake_leases=1))
    task = await world.open()
    return [await world.issue(task["id"]) for _ in range(2)]


@pytest.fixture
async def command(world: World, tmp_path: Path) -> AsyncIterator[Command]:
    """The command, as an operator."""
    async with commanding(world, OPERATOR, tmp_path) as found:
        yield found


async def alive(world: World, held: list[dict[str, Any]]) -> list[bool]:
    """Tell of each credential whether it is."""
    await world.refresh()
    return [await world.is_active(each["access_token"]) for each in held]


async def test_a_no_changes_nothing(
    world: World, held: list[dict[str, Any]], command: Command
) -> None:
    """Who would die is shown before it asks; it waits for the answer, and goes by it."""
    ended = await command.answer_in_terminal(*HOLD, until=ASKED, answer="n\n")

    assert ended.code == exits.INTERRUPTED
    before, _, after = ended.out.partition(ASKED)
    assert all(each["id"] in before for each in held)
    assert "stands" not in after
    assert await alive(world, held) == [True, True]
    assert world.broker.replica.facts.revision == 0


async def test_a_yes_is_meant(world: World, held: list[dict[str, Any]], command: Command) -> None:
    """Then it is done, at once."""
    ended = await command.answer_in_terminal(*HOLD, until=ASKED, answer="y\n")

    assert ended.code == exits.OK
    assert "Revision 1 stands; it ends 2 live credentials." in ended.out
    assert all(each["id"] in ended.out for each in held)
    await world.refresh()
    assert world.broker.replica.facts.revision == 1


async def test_where_nobody_can_be_asked_the_flag_is_told(
    world: World, held: list[dict[str, Any]], command: Command
) -> None:
    """In a script it ends at once, changes nothing, and says what would do it."""
    ended = await command.run(*HOLD)
    as_json = await command.run(*HOLD, "--json")

    assert ended.code == as_json.code == exits.REFUSED
    [digest] = re.findall("with --accept ([0-9a-f]{64})", ended.err)
    assert json.loads(as_json.err)["error"]["digest"] == digest
    assert await alive(world, held) == [True, True]
    assert (await command.run(*HOLD, "--accept", digest)).code == exits.OK


async def test_a_bundle_asks_as_well(
    world: World, held: list[dict[str, Any]], command: Command
) -> None:
    """Beside the ledger, before anything is published; without a terminal the flag is told."""
    write_down(world)
    brake = {"brake_leases": 1}
    world.config.edit("broker.yaml", lambda f: (f.update(reevaluation=brake), f.pop("targets")))
    world.config.write("policies/50-world.cedar", FREEZE)
    line = ("apply", "--config", str(world.config.folder))

    refused = await command.run(*line)
    assert (refused.code, "with --accept " in refused.err) == (exits.REFUSED, True)
    no = await command.answer_in_terminal(*line, until=ASKED, answer="n\n")
    assert no.code == exits.INTERRUPTED
    assert await alive(world, held) == [True, True]
    assert world.broker.replica.revision == 1
    yes = await command.answer_in_terminal(*line, until=ASKED, answer="y\n")
    assert (yes.code, "Published revision 2" in yes.out) == (exits.OK, True)
