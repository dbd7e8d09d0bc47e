"""Stanzas that the pages show, each in a whole configuration, which `broker config check` takes."""

import re
import shutil
import textwrap
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.dev.configure import shipped
from tests.fakes.guide import DOCS, Guide

CASES: Final[dict[str, tuple[str, list[tuple[str, str]]]]] = {
    "postgres": (
        "targets.md",
        [("kind: postgres", "targets.yaml"), ("backend: postgres", "capabilities.yaml")],
    ),
    "aws": (
        "targets.md",
        [("kind: aws_sts", "targets.yaml"), ("backend: aws_sts", "capabilities.yaml")],
    ),
    "vault": (
        "vault.md",
        [("kind: vault", "targets.yaml"), ("backend: vault", "capabilities.yaml")],
    ),
    "issuers": ("operators.md", [("name: cluster", "issuers.yaml")]),
    "people": ("operators.md", [("name: login", "issuers.yaml")]),
    "engine": ("engines.md", [("engine: opa", "broker.yaml")]),
    "notices": ("notices.md", [("webhooks:", "broker.yaml")]),
    "ends": ("orchestrators.md", [("orchestrator: ci-orchestrator", "broker.yaml")]),
}
"""For each case the page, and by which words its stanza is found and where it is written."""


_YAML: Final = re.compile(r"^ *```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def stanza(page: str, words: str) -> Any:
    """The one block of a page that has these words, read."""
    blocks = _YAML.findall((DOCS / page).read_text("utf-8"))
    found = [textwrap.dedent(text) for text in blocks if words in text]
    assert len(found) == 1, (page, words, found)
    return yaml.safe_load(found[0])


def write(folder: Path, file: str, found: Any) -> None:
    """Write a stanza to where it belongs: lists grow, and what is not a list takes its place."""
    path = folder / file
    told = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    section = file.removesuffix(".yaml")
    for name, each in (found if isinstance(found, dict) else {section: found}).items():
        told[name] = told.get(name, []) + each if isinstance(each, list) else each
    path.write_text(yaml.safe_dump(told, sort_keys=False), "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped configuration, with a file of targets."""
    copy = tmp_path / "config"
    shutil.copytree(shipped(), copy)
    write(copy, "broker.yaml", {"issuer": "https://broker.example"})
    return copy


@pytest.mark.parametrize("case", CASES)
def test_a_stanza_is_taken(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it is known, in its place."""
    page, places = CASES[case]
    for words, file in places:
        write(folder, file, stanza(page, words))
        if file == "targets.yaml":
            write(folder, "broker.yaml", {"targets": file})

    code = main(["config", "check", "--config", str(folder)])

    assert (code, "is good" in capsys.readouterr().out) == (exits.OK, True)


@pytest.mark.parametrize(
    ("page", "words", "capability"),
    [
        ("break-glass.md", "break_glass:", "orders-export"),
        ("proxy.md", "reach:", "orders-api"),
    ],
)
def test_a_member_of_a_capability_is_taken(
    page: str, words: str, capability: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one that is shipped, in the place of what it may have of it."""
    told = yaml.safe_load((folder / "capabilities.yaml").read_text("utf-8"))
    (mine,) = (each for each in told["capabilities"] if each["name"] == capability)
    mine |= stanza(page, words)
    (folder / "capabilities.yaml").write_text(yaml.safe_dump(told), "utf-8")

    assert main(["config", "check", "--config", str(folder)]) == exits.OK
    assert "is good" in capsys.readouterr().out


def test_a_token_review_fits_into_the_cluster_s_stanza(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes with `preset: kubernetes`."""
    found = stanza("operators.md", "name: cluster")
    found["issuers"][0] |= stanza("operators.md", "token_review:")
    write(folder, "issuers.yaml", found)

    assert main(["config", "check", "--config", str(folder)]) == exits.OK
    assert "is good" in capsys.readouterr().out


def test_facts_and_the_facts_of_a_question_are_taken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file of facts.md by `facts check`; what policies.md lends a question by `policy test`."""
    facts = folder.parent / "facts.yaml"
    facts.write_text(yaml.safe_dump(stanza("facts.md", "source: crm")), "utf-8")
    lent, question = Guide("policies.md").of("yaml")
    cases = folder.parent / "cases.yaml"
    cases.write_text(question + lent, "utf-8")  # it is written as far in as a question's members
    config = ("--config", str(folder))

    assert main(["facts", "check", str(facts), *config]) == exits.OK
    assert main(["policy", "test", str(cases), *config]) == exits.OK
    assert "0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "word"), [("targets.yaml", "database"), ("capabilities.yaml", "tables")]
)
def test_a_stanza_with_a_fault_would_be_seen(
    file: str, word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word that no kind knows."""
    for words, where in CASES["postgres"][1]:
        write(folder, where, stanza("targets.md", words))
    write(folder, "broker.yaml", {"targets": "targets.yaml"})
    (folder / file).write_text((folder / file).read_text("utf-8").replace(f"{word}:", "sauce:"))

    assert main(["config", "check", "--config", str(folder)]) == exits.CONFIGURATION
    assert "sauce" in capsys.readouterr().err
