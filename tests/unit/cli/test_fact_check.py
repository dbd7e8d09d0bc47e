"""Files of facts are checked without a ledger: all that is wrong, each with its file and line."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from broker.cli import exits
from broker.cli.main import main

CONFIG: Final = str(Path(__file__).parents[3] / "config")
HEAD: Final = "source: desk\ntenant: acme\n"


class Checking:
    """The command over files of a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def write(self, name: str, text: str) -> str:
        """Write a file; return its path."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def run(self, *words: str, config: str = CONFIG) -> tuple[int, Any]:
        """Run it; return its exit code, and what it printed."""
        code = main(["facts", "check", *words, "--config", config, "--json"])
        told = self._capsys.readouterr()
        return code, json.loads(told.out or told.err)

    def places(self, *words: str) -> list[tuple[str, int, str]]:
        """Run it on what is faulty; return where and what the faults are."""
        code, told = self.run(*words)
        assert code == exits.CONFIGURATION
        assert all(fault["remedy"] for fault in told["error"]["faults"])
        return [
            (Path(each["file"]).name, each["line"], each["message"])
            for each in told["error"]["faults"]
        ]


@pytest.fixture
def checking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Checking:
    """The command over an empty folder."""
    return Checking(tmp_path, capsys)


def test_the_shipped_example_is_good(checking: Checking) -> None:
    """As it stands beside the shipped agents."""
    code, told = checking.run(str(Path(CONFIG) / "facts.yaml"))

    assert (code, told["things"], told["relationships"]) == (exits.OK, 5, 5)


def test_what_an_apply_would_refuse_is_found_with_file_and_line(checking: Checking) -> None:
    """Of all files together: what is unknown, twice there, or a circle."""
    one = checking.write(
        "a.yaml",
        f"{HEAD}"
        "datasets:\n  - name: d1\n  - name: d2\n  - name: -d3\n"
        "tickets:\n  - {name: T-1, owner: 'person:nobody'}\n"
        "relationships:\n"
        "  - dataset:d1 part-of dataset:d2\n  - dataset:d2 part-of dataset:d1\n"
        "  - agent:invoice-bot assigned-to ticket:T-9\n",
    )
    two = checking.write("b.yaml", f"{HEAD}tickets:\n  - name: T-1\n")

    assert checking.places(one, two) == [
        ("a.yaml", 6, "not of the form that it must have"),
    ]
    Path(one).write_text(Path(one).read_text().replace("  - name: -d3\n", ""))
    assert sorted(checking.places(one, two)) == [
        ("a.yaml", 7, "person:nobody is unknown"),
        ("a.yaml", 9, "is part of dataset:d1"),
        ("a.yaml", 10, "is part of dataset:d2"),
        ("a.yaml", 11, "ticket:T-9 is unknown"),
        ("b.yaml", 4, f"ticket:T-1 is declared in {one}:7 too"),
    ]


def test_a_file_that_is_too_large_or_no_yaml_is_told_with_all_others(checking: Checking) -> None:
    """Nothing is said of what it may have declared."""
    large = checking.write("large.yaml", HEAD + "#" * 1_100_000)
    broken = checking.write("broken.yaml", HEAD + "tickets: [")
    other = checking.write("other.yaml", f"{HEAD}tickets:\n  - {{name: T, owner: 'team:gone'}}\n")

    assert {name for name, _, _ in checking.places(large, broken, other)} == {
        "large.yaml",
        "broken.yaml",
    }


def test_imports_are_checked_on_what_files_declare(checking: Checking) -> None:
    """CSV and JSON lines; all faults of form, and then all that cannot be, by line."""
    declared = checking.write("a.yaml", f"{HEAD}tickets:\n  - name: T-1\n")
    head = "subject,relation,object\n"
    row = "agent:invoice-bot,assigned-to,ticket:T-1\n"
    good = checking.write("good.csv", head + row)
    code, told = checking.run(declared, good, "--tenant", "acme")
    assert (code, told) == (exits.OK, {"things": 1, "relationships": 0, "imported": 1})

    twice = checking.write("twice.csv", head + row + row)
    gone = checking.write("gone.csv", head + row.replace("T-1", "T-2"))
    assert checking.places(declared, twice, gone, "--tenant", "acme") == [
        ("twice.csv", 3, "is line 2 again"),
        ("gone.csv", 2, "ticket:T-2 is unknown"),
    ]
    put = {"op": "put", "tenant": "acme", "thing": {"ref": "ticket:T-3", "status": "odd"}}
    changes = checking.write("changes.jsonl", json.dumps(put) + "\nno json\n")
    [odd] = checking.places(changes)
    assert odd[:2] == ("changes.jsonl", 2)


def test_csv_says_whose_it_is(checking: Checking) -> None:
    """Or nothing is read at all."""
    code, told = checking.run(checking.write("a.csv", "subject,relation,object\n"))

    assert code == exits.USAGE
    assert "--tenant" in told["error"]["message"]


def test_a_configuration_that_names_no_agents_is_told(checking: Checking) -> None:
    """Nobody is known then, so nothing can be said."""
    file = checking.write("a.yaml", HEAD)

    code, _ = checking.run(file, config=str(checking.folder / "none"))

    assert code == exits.CONFIGURATION
