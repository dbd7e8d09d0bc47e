"""What policies.md types: on the files of `broker dev`, and beside its ledger."""

import shutil
from pathlib import Path

import pytest

from broker.cli import exits
from tests.fakes.guide import Guide
from tests.fakes.keyboard import Keyboard, typed_blocks
from tests.fakes.playground import Up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CASES, LAYOUT, LINT, REPLAY, SHADOW = typed_blocks("policies.md")
[CASE] = [text for text in Guide("policies.md").of("yaml") if text.startswith("tests:")]


@pytest.fixture
def candidate(up: Up, tmp_path: Path) -> Path:
    """The folder `new-config` of the page: the files of the playground, where no agent reads."""
    folder = tmp_path / "new-config"
    shutil.copytree(Path(up["config"]).parent, folder)
    policies = folder / "policies" / "20-credentials.cedar"
    text = policies.read_text("utf-8")
    policies.write_text(
        text.replace('["orders:read", "reports:read"]', '["reports:read"]'), "utf-8"
    )
    (folder / "policies" / "tests.yaml").write_text(CASE, "utf-8")
    return folder


def test_cases_pass_and_say_how_much_they_tried(keys: Keyboard, tmp_path: Path) -> None:
    """The page's own case is the further one; the shipped ones see less than 90 per cent."""
    (tmp_path / "more-cases.yaml").write_text(CASE, "utf-8")
    plain, further, bounded = CASES

    assert ", 0 failed" in keys.does(plain).out
    told = keys.does(further).out
    assert "outcomes seen" in told
    assert ", 0 failed" in told
    said = keys.types(bounded)
    assert (said.code, said.document["failed"]) == (exits.REFUSED, 0)
    assert said.document["coverage"]["percent"] < 90


def test_policies_are_laid_out_and_looked_through(up: Up, keys: Keyboard) -> None:
    """A file that is laid out otherwise is seen by `--check`, and mended without."""
    lay_out, check = LAYOUT
    file = Path(up["config"]).parent / "policies" / "90-limits.cedar"
    before = file.read_text("utf-8")
    file.write_text(before.replace("forbid (", "forbid   (", 1), "utf-8")

    assert keys.types(check).code == exits.REFUSED
    keys.does(lay_out)
    assert file.read_text("utf-8") == before
    keys.does(check)
    plain, strict = LINT
    assert "0 errors" in keys.does(plain).out
    assert keys.does(strict).document["findings"] == []


def test_what_was_asked_is_asked_of_a_candidate(keys: Keyboard, candidate: Path) -> None:
    """It would refuse what was granted; the revision that runs would not."""
    del candidate
    keys.gets(keys.opens())
    keys.becomes("operator:alice")
    files, revision = REPLAY

    assert "orders-api" in keys.does(files).out
    newest = keys.does("broker revisions list").out.splitlines()[1].split()[0]
    assert keys.does(revision, {"12": newest}).document["now_refused"] == 0


def test_a_candidate_decides_beside_the_live_policies(keys: Keyboard, candidate: Path) -> None:
    """It is told where it would have answered otherwise, and nobody had less for it."""
    del candidate
    start, report, stop = SHADOW

    assert "is running  true" in keys.does(start).out
    keys.says("broker policy shadow report", {}, "is running  true")
    for _ in range(3):
        keys.gets(keys.opens())
    assert "now-refused" in keys.does(report).document["outcomes"]
    assert "is running  false" in keys.does(stop).out
