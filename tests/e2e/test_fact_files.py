"""Files of facts beside the ledger: put in force or not at all; what differs from them is shown."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes.cast import OPERATOR
from tests.fakes.reconcile_command import write_down
from tests.fakes.world import World

DECLARED: Final = """\
source: desk
tenant: acme
people:
  - name: ann
tickets:
  - {name: OPS-1, owner: "person:ann"}
  - {name: OPS-2}
datasets:
  - name: orders
relationships:
  - agent:invoice-bot assigned-to ticket:OPS-1
  - ticket:OPS-1 concerns dataset:orders
"""
HALF_BAD: Final = """\
source: desk
tenant: acme
tickets:
  - {name: OPS-1, owner: "person:zoe"}
  - {name: OPS-2}
relationships:
  - agent:nobody assigned-to ticket:OPS-1
"""


class Desk:
    """The command, in this process, over a world's configuration."""

    def __init__(self, world: World, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_down(world)
        world.config.edit("broker.yaml", lambda file: file.pop("targets", None))
        self.world = world
        self.folder = folder
        self._capsys = capsys

    def write(self, name: str, text: str) -> str:
        """Write a file; return its path."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    async def run(self, *words: str) -> tuple[int, Any]:
        """Run a line; return its exit code, and the document or the error that it printed."""
        self._capsys.readouterr()
        line = [*words, "--json", "--config", str(self.world.config.folder)]
        code = await asyncio.to_thread(main, line)
        told = self._capsys.readouterr()
        reader = json.JSONDecoder()
        if "{\n" in told.out:
            return code, reader.raw_decode(told.out, told.out.index("{\n"))[0]
        return code, reader.raw_decode(told.err, told.err.index("{\n"))[0]["error"]

    async def things(self) -> list[str]:
        """List the tickets."""
        await self.world.refresh()
        page = await self.world.get(OPERATOR, "/v1/facts/things?kind=ticket&limit=200")
        return [each["ref"] for each in page["things"]]


@pytest.fixture
def desk(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command at a world with nothing in its facts."""
    return Desk(world, tmp_path, capsys)


async def test_what_files_declare_becomes_so(desk: Desk) -> None:
    """A dry run shows it first; applied again there is nothing to do; what is left out goes."""
    file = desk.write("desk.yaml", DECLARED)

    code, looked = await desk.run("apply", "-f", file, "--dry-run")
    assert (code, looked["dry_run"], looked["revision"]) == (exits.OK, True, 0)
    assert {(each["section"], each["name"], each["kind"]) for each in looked["differences"]} == {
        *(("things", name, "added") for name in ("person:ann", "ticket:OPS-1", "ticket:OPS-2")),
        ("things", "dataset:orders", "added"),
        ("relationships", "agent:invoice-bot assigned-to ticket:OPS-1", "added"),
        ("relationships", "ticket:OPS-1 concerns dataset:orders", "added"),
    }
    assert await desk.things() == []

    code, made = await desk.run("apply", "-f", file)
    assert (code, made["revision"]) == (exits.OK, 1)
    assert await desk.things() == ["ticket:OPS-1", "ticket:OPS-2"]

    code, again = await desk.run("apply", "-f", file)
    assert (code, again["revision"], again["differences"]) == (exits.OK, 1, [])

    desk.write("desk.yaml", DECLARED.replace("  - {name: OPS-2}\n", ""))
    assert (await desk.run("apply", "-f", file))[0] == exits.OK
    assert await desk.things() == ["ticket:OPS-1"]


async def test_what_was_changed_by_hand_is_drift(desk: Desk) -> None:
    """It is shown and ends with 1; applying takes it back; what was made by hand stays."""
    file = desk.write("desk.yaml", DECLARED)
    await desk.run("apply", "-f", file)
    assert (await desk.run("facts", "diff", "-f", file))[0] == exits.OK
    closed = {"ref": "ticket:OPS-1", "status": "closed", "owner": "person:ann"}
    by_hand = [
        {"op": "put", "tenant": "acme", "thing": closed},
        {"op": "put", "tenant": "acme", "thing": {"ref": "ticket:OWN", "status": "open"}},
    ]
    body = {"reason": "by hand", "changes": by_hand}
    assert (await desk.world.post(OPERATOR, "/v1/facts/changes", body)).status == 200

    code, found = await desk.run("facts", "diff", "-f", file)

    assert code == exits.REFUSED
    [changed] = found["differences"]
    assert (changed["name"], changed["kind"]) == ("ticket:OPS-1", "changed")
    assert {"name": "status", "before": "closed", "after": "open"} in changed["members"]
    assert found["notes"] == ["ticket:OPS-1 was changed by hand since it was declared"]
    _, doctor = await desk.run("doctor")
    told = [each["what"] for each in doctor["checks"] if each["check"] == "facts"]
    assert "1 that desk declared were changed by hand" in told
    await desk.run("apply", "-f", file)
    assert (await desk.run("facts", "diff", "-f", file))[0] == exits.OK
    assert "ticket:OWN" in await desk.things()


async def test_a_half_bad_file_changes_nothing_and_lists_all_faults(desk: Desk) -> None:
    """Each with its line."""
    file = desk.write("bad.yaml", HALF_BAD)

    code, error = await desk.run("apply", "-f", file)

    assert code == exits.CONFIGURATION
    assert {(fault["line"], fault["key"].partition("[")[0]) for fault in error["faults"]} == {
        (4, "tickets"),
        (7, "relationships"),
    }
    assert await desk.things() == []


async def test_a_file_that_is_none_is_told_with_its_lines(desk: Desk) -> None:
    """By the strict reader of all configuration."""
    file = desk.write("bad.yaml", "source: desk\ntenant: acme\nticket:\n  - name: x\n")

    code, error = await desk.run("apply", "-f", file)

    assert (code, error["faults"][0]["line"]) == (exits.CONFIGURATION, 3)


NEEDS_DESK: Final = """\
source: alarms
tenant: acme
tickets:
  - {name: AL-1, owner: "person:ann"}
relationships:
  - agent:invoice-bot assigned-to ticket:AL-1
  - ticket:AL-1 concerns dataset:orders
"""


async def test_several_sources_are_put_in_force_together(desk: Desk) -> None:
    """Files and folders at once, in one revision, whoever of them needs the other; and again."""
    (desk.folder / "more").mkdir()
    alarms, folder = desk.write("alarms.yaml", NEEDS_DESK), str(desk.folder / "more")
    desk.write("more/desk.yaml", DECLARED)
    desk.write("more/.draft.yaml", "no facts")
    both = ["-f", alarms, "-f", folder]

    code, looked = await desk.run("apply", *both, "--dry-run")
    assert (code, looked["sources"], looked["revision"]) == (exits.OK, ["desk", "alarms"], 0)
    code, made = await desk.run("apply", *both)
    assert (code, made["revision"]) == (exits.OK, 1)
    assert await desk.things() == ["ticket:AL-1", "ticket:OPS-1", "ticket:OPS-2"]
    code, same = await desk.run("facts", "diff", *both)
    assert (code, same["differences"]) == (exits.OK, [])

    desk.write("alarms.yaml", NEEDS_DESK.replace("  - ticket:AL-1 concerns dataset:orders\n", ""))
    gone = [line for line in DECLARED.splitlines(keepends=True) if "orders" not in line]
    desk.write("more/desk.yaml", "".join(each for each in gone if "datasets" not in each))
    assert (await desk.run("apply", *both))[0] == exits.OK
    assert (await desk.run("facts", "diff", *both))[0] == exits.OK
    back = "/v1/facts/history/2/rollback"
    assert (await desk.world.post(OPERATOR, back, {"reason": "too early"})).status == 200
    code, again = await desk.run("facts", "diff", *both)
    assert code == exits.REFUSED
    assert {each["name"] for each in again["differences"]} == {
        "dataset:orders",
        "ticket:OPS-1 concerns dataset:orders",
    }
    assert again["notes"] == ["ticket:AL-1 concerns dataset:orders ends with its thing"]


async def test_one_bad_source_keeps_all_of_them_out_and_all_faults_are_told(desk: Desk) -> None:
    """Each by its own file and line."""
    good = desk.write("desk.yaml", DECLARED)
    bad = desk.write("bad.yaml", HALF_BAD.replace("desk", "hr").replace("OPS", "HR"))
    worse = desk.write("worse.yaml", NEEDS_DESK.replace("dataset:orders", "dataset:nowhere"))

    code, error = await desk.run("apply", "-f", good, "-f", bad, "-f", worse)

    assert code == exits.CONFIGURATION
    assert {(Path(fault["file"]).name, fault["line"]) for fault in error["faults"]} == {
        ("bad.yaml", 4),
        ("bad.yaml", 7),
        ("worse.yaml", 7),
    }
    assert await desk.things() == []


async def test_who_dies_of_several_sources_is_looked_at_together(desk: Desk) -> None:
    """By name, with the brake over all of it."""
    world = desk.world
    world.config.edit("broker.yaml", lambda f: f.update(reevaluation={"brake_leases": 1}))
    world.config.write("policies/50-world.cedar", IN_OPS)
    await desk.run("apply")
    task = await world.open(tickets=["OPS-1"])
    first, other = desk.write("desk.yaml", DECLARED), desk.write("alarms.yaml", NEEDS_DESK)
    await desk.run("apply", "-f", first, "-f", other)
    await world.refresh()
    held = [await world.issue(task["id"]) for _ in range(2)]
    desk.write("desk.yaml", DECLARED.replace("{name: OPS-1,", "{name: OPS-1, status: closed,"))
    desk.write("alarms.yaml", NEEDS_DESK.replace("AL-1", "AL-2"))

    code, looked = await desk.run("apply", "-f", first, "-f", other, "--dry-run")
    assert (code, looked["deaths"]) == (exits.OK, 2)
    assert {each["credential"] for each in looked["dying"]} == {each["id"] for each in held}
    code, refused = await desk.run("apply", "-f", first, "-f", other)
    assert (code, refused["code"]) == (exits.REFUSED, "would-kill-many")
    assert "ticket:AL-2" not in await desk.things()
    words = ["-f", first, "-f", other, "--accept", refused["digest"]]
    assert (await desk.run("apply", *words))[0] == exits.OK
    assert "ticket:AL-2" in await desk.things()


IN_OPS: Final = """\
@id("only-in-a-ticket")
forbid (principal is Agent, action == Action::"RequestCredential", resource)
unless { context.work in Ticket::"acme/OPS-1" };
"""


async def test_a_folder_without_files_of_facts_is_a_fault(desk: Desk) -> None:
    """Rather than nothing to do."""
    (desk.folder / "empty").mkdir()

    code, error = await desk.run("apply", "-f", str(desk.folder / "empty"))

    assert (code, error["faults"][0]["message"]) == (exits.CONFIGURATION, "holds no file of facts")


async def test_bundles_and_files_are_not_mixed(desk: Desk) -> None:
    """Nor files with what belongs to a bundle."""
    file = desk.write("desk.yaml", DECLARED)
    for words in (
        ["-f", file, "-f", str(desk.world.config.folder)],
        ["-f", file, "--rollback"],
        ["-f", file, "--restored"],
    ):
        assert (await desk.run("apply", *words))[0] == exits.USAGE, words
    assert await desk.things() == []


def lines(*changes: dict[str, Any]) -> str:
    """Write changes one a line."""
    return "".join(json.dumps(each) + "\n" for each in changes)


def put(name: str, **said: object) -> dict[str, Any]:
    """Put a ticket."""
    return {
        "op": "put",
        "tenant": "acme",
        "thing": {"ref": f"ticket:{name}", "status": "open", **said},
    }


async def test_many_changes_are_imported_as_one_revision(desk: Desk) -> None:
    """More than one call of the API takes."""
    file = desk.write("many.jsonl", lines(*(put(f"M-{n}") for n in range(12_000))))

    code, made = await desk.run("facts", "import", file, "--reason", "moving in")

    assert (code, made["revision"], made["changes"]) == (exits.OK, 1, 12_000)
    await desk.world.refresh()
    assert desk.world.broker.replica.facts.size == (12_000, 0)


async def test_a_half_bad_import_changes_nothing_and_lists_all_faults(desk: Desk) -> None:
    """Each with its line: what is no JSON, no change, no name; then what cannot be."""
    text = lines(put("OK-1"), put("-bad"), {"op": "burn", "tenant": "acme"})
    file = desk.write("bad.jsonl", text + "no json\n\n" + lines(put("OK-2"), {**put("x"), "y": 1}))

    code, error = await desk.run("facts", "import", file, "--reason", "x")

    assert code == exits.CONFIGURATION
    assert [fault["line"] for fault in error["faults"]] == [2, 3, 4, 7]

    unknown = lines(put("OK-1"), put("OK-2", owner="person:zoe"), put("OK-1", purpose="again"))
    file = desk.write("bad.jsonl", "\n" + unknown)
    code, error = await desk.run("facts", "import", file, "--reason", "x")
    assert code == exits.CONFIGURATION
    assert [(fault["line"], fault["key"]) for fault in error["faults"]] == [
        (3, "thing.owner"),
        (4, "thing"),
    ]
    assert await desk.things() == []


async def test_a_dry_import_imports_nothing(desk: Desk) -> None:
    """It is checked all the same."""
    file = desk.write("one.jsonl", lines(put("OK-1")))

    code, looked = await desk.run("facts", "import", file, "--reason", "x", "--dry-run")

    assert (code, looked["dry_run"], looked["deaths"]) == (exits.OK, True, 0)
    assert await desk.things() == []


async def test_relationships_are_imported_as_columns(desk: Desk) -> None:
    """Of one tenant; a fault is told with its line, whether of form or of what is known."""
    await desk.run("apply", "-f", desk.write("desk.yaml", DECLARED))
    head = "subject,relation,object,expires\n"
    row = "agent:invoice-bot,assigned-to,ticket:OPS-2,2099-01-01T00:00:00Z\n"
    words = ["--reason", "x", "--tenant", "acme"]

    for bad, line in (("agent:a,likes,ticket:b,\n", 3), (row.replace("OPS-2", "OPS-9"), 3)):
        file = desk.write("pairs.csv", head + row + bad)
        code, error = await desk.run("facts", "import", file, *words)
        assert (code, error["faults"][0]["line"]) == (exits.CONFIGURATION, line)

    code, made = await desk.run("facts", "import", desk.write("pairs.csv", head + row), *words)
    assert (code, made["changes"]) == (exits.OK, 1)
    await desk.world.refresh()
    shown = await desk.world.get(OPERATOR, "/v1/facts/things/ticket/acme/OPS-2")
    assert shown["down"][0]["expires_at"] == "2099-01-01T00:00:00.000Z"


FREEZE: Final = '@id("freeze")\nforbid (principal, action, resource);\n'


async def test_a_bundle_that_kills_many_has_to_be_meant(desk: Desk) -> None:
    """Who would die is shown by a dry run; without a word nothing is published, and all live."""
    world = desk.world
    world.config.edit("broker.yaml", lambda f: f.update(reevaluation={"brake_leases": 2}))
    task = await world.open()
    held = [await world.issue(task["id"]) for _ in range(3)]
    world.config.write("policies/50-world.cedar", FREEZE)

    code, looked = await desk.run("apply", "--dry-run")
    assert (code, looked["deaths"]) == (exits.OK, 3)
    assert {each["credential"] for each in looked["dying"]} == {each["id"] for each in held}

    code, refused = await desk.run("apply")
    assert (code, refused["code"]) == (exits.REFUSED, "would-kill-many")
    assert (refused["deaths"], refused["digest"]) == (3, looked["accept"])
    await world.refresh()
    assert world.broker.replica.revision == 1

    code, made = await desk.run("apply", "--accept", refused["digest"])
    assert (code, made["revision"], made["deaths"]) == (exits.OK, 2, 3)
    await world.refresh()
    assert (await world.ask(task["id"])).status == 403


async def test_going_back_has_the_same_brake(desk: Desk) -> None:
    """It is a revision like any other."""
    world = desk.world
    world.config.edit("broker.yaml", lambda f: f.update(reevaluation={"brake_leases": 2}))
    world.config.write("policies/50-world.cedar", FREEZE)
    await desk.run("apply")
    (world.config.folder / "policies" / "50-world.cedar").unlink()
    await desk.run("apply")
    await world.refresh()
    task = await world.open()
    for _ in range(3):
        await world.issue(task["id"])

    code, refused = await desk.run("apply", "--rollback")

    assert (code, refused["code"]) == (exits.REFUSED, "would-kill-many")
