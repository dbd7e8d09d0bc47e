"""A review by its commands: the patch for agents.yaml, and answers that anybody can check."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from broker.governance.bundle import Bundle
from broker.governance.records import AgentRecord
from tests.e2e.test_reviews import READ, given
from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.command import Command, commanding
from tests.fakes.reviews import NEXT, Started, answer, start
from tests.fakes.until import until
from tests.fakes.world import World
from tests.fakes.world_config import BROKER

OWNER: Final = "billing@acme.example"


async def begin(world: World) -> Started:
    """Put what the shipped agents were given before their owner, who is nobody registered."""
    await given(world, READ, AGENT)
    return (await start(world, owners=(OWNER,)))[OWNER]


def agents_of(world: World) -> dict[str, AgentRecord]:
    """Read the file of agents, as `broker apply` does."""
    document = Bundle.from_files(world.config.settings().bundle).document
    return {each.name: each for each in document.agents}


async def test_diff_writes_a_patch_that_says_what_was_answered_and_nothing_else(
    world: World, tmp_path: Path
) -> None:
    """`patch` takes it, comments stay, and afterwards there is nothing more to say."""
    review = await begin(world)
    made = await answer(world, OPERATOR, review, "invoice-bot", "narrow", ceiling=[READ])
    assert made.status == 200, made.raw
    file = world.config.folder / "agents.yaml"
    file.write_text("# whose agents these are\n" + file.read_text())
    before = agents_of(world)
    of_it = ["--config", str(world.config.folder / "broker.yaml")]

    async with commanding(world, OPERATOR, tmp_path) as command:
        wanted = await command.run("review", "diff", review.id, *of_it)
        other = await command.run("review", "diff", review.id, "--agent", "report-bot", *of_it)
        _apply(wanted.out, file)
        again = await command.run("review", "diff", review.id, *of_it)

    after = agents_of(world)
    assert (wanted.code, other.out, again.out) == (0, "", ""), wanted.err
    assert wanted.out.startswith(f"--- {file}")
    assert file.read_text().startswith("# whose agents these are\n")
    changed = replace(before["invoice-bot"], ceiling=(READ,), review_by=NEXT)
    assert after == before | {"invoice-bot": changed}


def _apply(patch: str, file: Path) -> None:
    program = shutil.which("patch")
    assert program is not None, "patch is part of every system that builds anything"
    subprocess.run([program, str(file)], input=patch.encode(), check=True)  # noqa: S603 - found on the path


async def test_diff_of_what_cannot_be_changed_writes_nothing_and_says_why(
    world: World, tmp_path: Path
) -> None:
    """An agent that is not in the file any more, and a review that does not exist."""
    review = await begin(world)
    await answer(world, OPERATOR, review, "invoice-bot", "revoke")
    of_it = ["--config", str(world.config.folder / "broker.yaml")]
    world.config.edit("agents.yaml", lambda file: file["agents"].pop(0))

    async with commanding(world, OPERATOR, tmp_path) as command:
        gone = await command.run("review", "diff", review.id, *of_it)
        absent = await command.run("review", "diff", "v_00_" + "a" * 26, *of_it)

    assert (gone.code != 0, absent.code != 0) == (True, True)
    assert (gone.out, absent.out) == ("", "")
    assert "agent invoice-bot is not in it" in gone.err
    assert "Traceback" not in gone.err + absent.err


async def test_anybody_with_the_brokers_public_keys_can_check_who_answered(
    world: World, tmp_path: Path
) -> None:
    """By the exported file and the key set alone; forged in anything it is refused, and says so."""
    review = await begin(world)
    made = await answer(world, OPERATOR, review, "invoice-bot", "keep")
    trail = world.config.settings().audit.file
    await until(lambda: '"review.answered"' in trail.read_text())
    keys = tmp_path / "jwks.json"
    keys.write_bytes((await world.get(None, "/.well-known/jwks.json")).raw)
    assert made["answer"]["signature"].count(".") == 2
    assert made["answer"]["signature"] not in trail.read_text()

    async with commanding(world, OPERATOR, tmp_path) as command:
        good = await _exported(command, review, tmp_path)
        by = ("--keys", str(keys), "--issuer", BROKER, "--json")
        told = await command.run("review", "check", str(good), "--trail", str(trail), *by)
        forged = _changed(good, tmp_path, by="person:eve")
        refused = await command.run("review", "check", str(forged), *by)
        unlooked = await command.run("review", "check", str(forged), "--json")
        alone = await command.run("review", "check", str(good), "--keys", str(keys))
        none = await command.run("review", "check", str(good), "--keys", str(good), *by[2:])

    said = json.loads(told.out)
    assert (told.code, said["good"], said["signed"], said["in_trail"]) == (0, True, 1, 1)
    assert refused.code == 1
    assert "is of another answer" in refused.out
    assert json.loads(unlooked.out)["good"], "without keys and trail nobody can tell"
    assert (alone.code, "--issuer go together" in alone.err) == (2, True)
    assert "no set of public keys" in none.err


async def _exported(command: Command, review: Started, folder: Path) -> Path:
    file = folder / "review.json"
    done = await command.run("review", "export", review.id, "--format", "json", "--out", str(file))
    assert done.code == 0, done.err
    return file


def _changed(file: Path, folder: Path, **said: object) -> Path:
    whole = json.loads(file.read_text())
    for each in whole["agents"]:
        if each["answer"]:
            each["answer"] |= said
    forged = folder / "forged.json"
    forged.write_text(json.dumps(whole))
    return forged
