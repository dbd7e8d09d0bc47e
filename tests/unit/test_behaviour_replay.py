"""Replaying trails: each attack is found, and false alarms are counted and told in the docs."""

import re
from pathlib import Path

import pytest

from broker.behaviour.rules import DEFAULTS, Detector
from broker.behaviour_replay import Replayed, replay
from broker.errors import InvalidRequestError
from broker.settings.behaviour import Behaviour
from tests.fakes.behaviour_weeks import ATTACKS, FOLDER, files

DOCS = Path(__file__).parents[2] / "docs" / "behaviour.md"
RULES = Behaviour().rules


def run(*names: str) -> Replayed:
    """Run the detectors over fixtures, one after the other."""
    lines = [line for name in names for line in (FOLDER / name).read_bytes().splitlines()]
    return replay(lines, RULES)


def test_the_fixtures_are_what_their_script_writes() -> None:
    """With its fixed seed: python -m tests.fakes.behaviour_weeks."""
    written = dict(files())

    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == written


def test_every_detector_has_an_attack() -> None:
    """And no attack is about none."""
    assert set(ATTACKS) == set(Detector) == set(DEFAULTS)


@pytest.mark.parametrize("detector", ATTACKS)
def test_each_attack_is_found_by_its_detector(detector: str) -> None:
    """Beyond what the benign weeks before it bring."""
    before = run("benign.jsonl").counts

    after = run("benign.jsonl", f"{detector}.jsonl").counts

    assert after[detector] > before.get(detector, 0)


def test_false_alarms_are_those_that_the_docs_tell() -> None:
    """In two benign weeks of three agents, by detector."""
    counts = run("benign.jsonl").counts
    told = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| (\d+) \|$", DOCS.read_text(), re.MULTILINE))

    assert told == {str(detector): str(counts.get(detector, 0)) for detector in Detector}


def test_a_replay_is_the_same_each_time() -> None:
    """It reads no clock and draws nothing."""
    names = ("benign.jsonl", "rate.jsonl", "denial-burst.jsonl")

    assert run(*names) == run(*names)


def test_a_file_that_is_no_trail_is_refused_with_its_line() -> None:
    """Rather than taken for one in which nothing happened."""
    good = (FOLDER / "benign.jsonl").read_bytes().splitlines()[0]

    for bad in (b"{}", b"nonsense", b'{"type":1}', b'{"at":"x","bucket":"zz"}'):
        with pytest.raises(InvalidRequestError, match="line 2"):
            replay([good, bad], RULES)


def test_hostile_members_say_nothing_and_stop_nothing() -> None:
    """Whatever stands in an event, it is read or passed over."""
    head = (
        '{"seq":1,"epoch":"e","at":"2026-12-01T00:00:00.000Z","bucket":"03","n":1,"tenant":"acme"'
    )
    lines = [
        f'{head},"type":"decision.denied","request":{{"principal":"agent:a","task":7}}}}',
        f'{head},"type":"decision.denied","request":[1]}}',
        f'{head},"type":"lease.issued","agent":["x"],"capability":{{}}}}',
        f'{head},"type":"lease.issued","agent":"","target":"x"}}',
        f'{head},"type":"behaviour.found","agent":"a"}}',
    ]

    assert replay([line.encode() for line in lines], RULES).findings == []
