"""`broker policy shadow`, beside a real ledger."""

import shutil
from pathlib import Path

import pytest

from broker.cli import exits
from tests.contract.test_publish_command import Place
from tests.fakes.redis_servers import SingleServer


@pytest.fixture
def place(single: SingleServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    """The shipped configuration, over an empty ledger."""
    return Place(tmp_path / "config", single.settings.url, capsys)


def test_a_candidate_is_started_looked_at_and_stopped(place: Place) -> None:
    """Who did it and why stays with it."""
    started = place.ask("policy", "shadow", "start", str(place.folder), "--reason", "OPS-17")
    looked = place.ask("policy", "shadow", "report")
    stopped = place.ask("policy", "shadow", "stop")

    assert started == looked
    assert (looked["is_running"], looked["reason"], looked["differences"]) == (True, "OPS-17", [])
    assert set(looked["outcomes"].values()) == {0}
    assert not stopped["is_running"]
    assert stopped["stopped_at"]
    assert "No answer would have been another." in place.run("policy", "shadow", "report")


def test_a_kept_revision_may_be_the_candidate(place: Place) -> None:
    """What would going back do?"""
    place.run("apply")

    told = place.ask("policy", "shadow", "start", "1")

    assert told["digest"] == place.ask("revisions", "list")["revisions"][0]["digest"]


def test_a_candidate_with_a_fault_is_not_started(place: Place, tmp_path: Path) -> None:
    """It is checked as if it were published."""
    folder = tmp_path / "bad"
    shutil.copytree(place.folder, folder)
    (folder / "policies" / "50.cedar").write_text("permit (")

    place.run("policy", "shadow", "start", str(folder), code=exits.CONFIGURATION)

    place.run("policy", "shadow", "report", code=exits.REFUSED)
    place.run("policy", "shadow", "stop", code=exits.REFUSED)
