"""`broker apply`, `broker revisions` and `broker keys`, beside a real ledger."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.dev.configure import shipped
from tests.fakes.command import PATIENCE_S, Command
from tests.fakes.redis_servers import SingleServer


class Place:
    """A configuration folder over an empty ledger, and the command that works on it."""

    def __init__(self, folder: Path, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        for source in shipped().rglob("*"):
            if source.is_file():
                target = folder / source.relative_to(shipped())
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(source.read_text())
        self.edit("broker.yaml", lambda file: file["store"].update(url=store))
        self.edit("broker.yaml", lambda file: file["keys"].update(directory=str(folder / "keys")))

    def edit(self, name: str, change: Any) -> None:
        """Change one file."""
        document = yaml.safe_load((self.folder / name).read_text())
        change(document)
        (self.folder / name).write_text(yaml.safe_dump(document, sort_keys=False))

    def run(self, *words: str, code: int = exits.OK) -> str:
        """Run a command; return what it printed, on standard error too."""
        assert main([*words, "--config", str(self.folder)]) == code
        said = self._capsys.readouterr()
        return said.out + said.err

    def ask(self, *words: str, code: int = exits.OK) -> Any:
        """Run a command that answers in JSON."""
        assert main([*words, "--json", "--config", str(self.folder)]) == code
        return json.loads(self._capsys.readouterr().out)

    def refused(self, *words: str) -> dict[str, Any]:
        """Run a command that is refused; return its error."""
        assert main([*words, "--json", "--config", str(self.folder)]) == exits.REFUSED
        error: dict[str, Any] = json.loads(self._capsys.readouterr().err)["error"]
        return error


@pytest.fixture
def place(single: SingleServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    """The shipped configuration, over an empty ledger."""
    return Place(tmp_path / "config", single.settings.url, capsys)


def shorten(place: Place) -> None:
    """Make a change that policies' own tests do not mind."""
    place.edit("capabilities.yaml", lambda file: file["capabilities"][0].update(renewable=False))


def test_a_dry_run_shows_the_change_and_makes_none(place: Place) -> None:
    """Before the first publication everything is new; afterwards only what differs."""
    first = place.run("apply", "--dry-run")
    place.run("apply", "--reason", "the beginning")
    same = place.run("apply", "--dry-run")
    shorten(place)
    changed = place.run("apply", "--dry-run")

    assert "+ agents invoice-bot" in first
    assert "No difference." in same
    assert "~ capabilities orders-api" in changed
    assert "renewable: True -> False" in changed
    assert [each["revision"] for each in place.ask("revisions", "list")["revisions"]] == [1]


def test_a_change_is_published_shown_and_taken_back(place: Place) -> None:
    """The whole round, as an operator walks it."""
    place.run("apply")
    shorten(place)
    applied = place.ask("apply", "--reason", "OPS-17")
    compared = place.ask("revisions", "diff")
    back = place.ask("apply", "--rollback", "--reason", "OPS-17 was wrong")
    listed = place.ask("revisions", "list")["revisions"]
    said = place.run("revisions", "list")

    assert (applied["revision"], back["revision"]) == (2, 3)
    assert [change["section"] for change in applied["changes"]] == ["capabilities"]
    assert (compared["from"], compared["to"]) == (1, 2)
    assert compared["changes"] == applied["changes"]
    assert [(each["revision"], each["rollback_of"]) for each in listed] == [
        (3, 1),
        (2, None),
        (1, None),
    ]
    assert listed[0]["digest"] == listed[2]["digest"]
    assert "OPS-17 was wrong" in said


def test_a_revision_is_shown(place: Place) -> None:
    """Short for people, whole for programs."""
    place.run("apply", "--reason", "the beginning")

    told, whole = place.run("revisions", "show", "1"), place.ask("revisions", "show", "1")

    assert "the beginning" in told
    assert whole["bundle"]["capabilities"][0]["name"] == "orders-api"
    assert "no revision 7" in place.run("revisions", "show", "7", code=exits.REFUSED)


def test_files_of_another_folder_are_published(place: Place, tmp_path: Path) -> None:
    """With the ledger of the configuration that is named."""
    other = tmp_path / "other"
    place.folder.rename(tmp_path / "aside")
    (tmp_path / "aside").rename(other)
    place.folder = other
    place.edit("agents.yaml", lambda file: file["agents"].pop())
    place.edit("broker.yaml", lambda file: file["bundle"].update(agents="nowhere/agents.yaml"))

    applied = place.ask("apply", "-f", str(other))

    assert applied["revision"] == 1


def test_what_was_made_from_another_revision_is_refused(place: Place) -> None:
    """Nothing is published; who was first is named."""
    place.run("apply")
    shorten(place)

    refused = place.run("apply", "--base", "0", code=exits.REFUSED)

    assert "revision 1 was published by uid-" in refused
    assert len(place.ask("revisions", "list")["revisions"]) == 1


def test_files_and_a_rollback_exclude_each_other(place: Place) -> None:
    """A wrong command line, before anything is asked."""
    place.run("apply", "-f", str(place.folder), "--rollback", code=exits.USAGE)


def test_the_keys_are_listed_with_what_comes_next(place: Place) -> None:
    """Their files, and why the next step has to wait."""
    place.run("keys", "init")
    place.run("keys", "rotate")
    told, listed = place.run("keys", "list"), place.ask("keys", "list")
    waits = place.run("keys", "rotate", code=exits.UNAVAILABLE)
    forced = place.ask("keys", "rotate", "--force")

    assert "promote" in told
    assert [key["state"] for key in listed["keys"]] == ["active", "next"]
    assert all(Path(key["file"]).exists() for key in listed["keys"])
    assert listed["next_step"] == "promote"
    assert "not everybody who keeps the key set has it" in waits
    assert [key["state"] for key in forced["keys"]] == ["retiring", "active"]


def test_keys_that_are_there_are_no_fault_of_the_configuration(place: Place) -> None:
    """Nor are keys that are missing: both are refused, with a word for programs and the remedy."""
    missing = place.refused("keys", "list")
    place.run("keys", "init")
    again = place.refused("keys", "init")

    assert (missing["code"], "broker keys init" in missing["message"]) == ("not-found", True)
    assert (again["code"], "broker keys rotate" in again["message"]) == ("keys-published", True)


def test_a_stolen_key_is_replaced_by_command(place: Place) -> None:
    """Only with a reason, and not by mistake."""
    made = place.ask("keys", "init")["keys"][0]["kid"]

    place.run("keys", "revoke", made, "--reason", "a leak", code=exits.USAGE)
    place.run("keys", "revoke", "other", "--reason", "a leak", "--yes", code=exits.REFUSED)
    revoked = place.ask("keys", "revoke", made, "--reason", "a leak", "--yes")
    gone = place.ask("keys", "list")["gone"]

    assert revoked["acknowledged"] is True
    assert [key["kid"] == made for key in revoked["keys"]] == [False]
    assert [(key["kid"], key["how"], key["reason"]) for key in gone] == [
        (made, "revoked", "a leak")
    ]


def test_a_drill_without_a_broker_says_so(place: Place) -> None:
    """There is nothing to rehearse on."""
    place.run("keys", "init")

    drilled = place.ask("keys", "drill", code=exits.REFUSED)

    assert drilled["good"] is False
    assert drilled["moments"][0]["fault"] == "no broker is running"


def test_a_publication_from_another_base_has_a_word_for_programs(place: Place) -> None:
    """So that a pipeline can look again and decide anew."""
    place.ask("apply")
    shorten(place)

    refused = place.refused("apply", "--base", "7")

    assert refused["code"] == "superseded"


def test_of_commands_that_race_one_publishes_each_revision(place: Place, tmp_path: Path) -> None:
    """Three processes at once: each either publishes a revision of its own, or says who was first.

    What stands in the end is what the last of them said, and the history has them all.
    """
    place.ask("apply")
    folders = [copied(place, tmp_path / f"racer-{number}", number) for number in range(3)]
    racers = [
        Command({}).start("apply", "--config", str(folder), "--json", "--reason", folder.name)
        for folder in folders
    ]
    ended = [racer.communicate(timeout=PATIENCE_S) for racer in racers]

    told = {
        json.loads(out)["revision"]: (json.loads(out)["digest"], folder.name)
        for folder, racer, (out, _) in zip(folders, racers, ended, strict=True)
        if racer.returncode == exits.OK
    }
    losers = [
        json.loads(err)["error"]
        for racer, (_, err) in zip(racers, ended, strict=True)
        if racer.returncode != exits.OK
    ]
    listed = place.ask("revisions", "list")["revisions"]

    assert sorted(told) == list(range(2, 2 + len(told))), ended
    assert len(told) + len(losers) == len(racers)
    assert {(lost["code"], lost["exit_code"]) for lost in losers} <= {("superseded", 1)}, losers
    kept = {each["revision"]: (each["digest"], each["reason"]) for each in listed}
    assert {number: kept[number] for number in told} == told
    assert max(kept) == max(told)


def copied(place: Place, folder: Path, number: int) -> Path:
    """Make a configuration of its own, over the same ledger."""
    shutil.copytree(place.folder, folder)
    file = folder / "capabilities.yaml"
    document = yaml.safe_load(file.read_text())
    document["capabilities"][0]["max_ttl_seconds"] = 890 + number
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def test_what_a_step_waits_for_is_shown_as_bars(place: Place) -> None:
    """In a terminal only; whoever tires of waiting loses nothing by Ctrl-C."""
    place.edit("broker.yaml", lambda file: file["keys"].update(overlap_seconds=3600))
    place.ask("keys", "init")
    made = place.ask("keys", "rotate")
    kid = made["keys"][1]["kid"]
    here, command = ("--config", str(place.folder)), Command({})
    words = ("keys", "rotate", "--wait")

    waited = command.run_before_a_screen(*words, *here, until="━")
    in_json = command.run_before_a_screen(*words, "--json", *here, until="waiting: ")
    drilled = command.run_before_a_screen("keys", "drill", *here)

    assert (waited.code, in_json.code) == (exits.INTERRUPTED, exits.INTERRUPTED), waited.err
    assert f"waiting: {kid}: not everybody who keeps the key set has it" in waited.err
    assert re.search(rf"seconds for {kid[:20]}\S* .*━ +\d+/3\d\d\d ", waited.err), waited.err
    assert waited.out + in_json.out == ""
    assert "━" not in in_json.err + drilled.out
    assert place.ask("keys", "list")["manifest"] == made["manifest"]
    assert drilled.code == exits.REFUSED
    assert re.search(r"rehearsing .*━ +1/4 ", drilled.err), drilled.err
    assert "NOT AS IT MUST BE: no broker is running" in drilled.out
