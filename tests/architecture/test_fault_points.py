"""The fault points and the code that passes them are one list."""

import re
from pathlib import Path

import pytest

import broker
from broker.faultpoints import NAMES, POINTS, FaultPoints
from tests.chaos.cases import CASES
from tests.chaos.target_cases import POINTS as AT_TARGETS

_REACHED = re.compile(r'\.reach\("([^"]+)"\)')
_SOURCES = sorted(Path(broker.__file__).parent.rglob("*.py"))


def test_every_point_is_passed_and_every_passed_point_is_named() -> None:
    """A test that arms a point which nobody passes would wait for ever."""
    reached = {name for file in _SOURCES for name in _REACHED.findall(file.read_text())}

    assert reached == NAMES


def test_every_point_has_a_scenario_that_dies_there() -> None:
    """A name that no test arms promises nothing."""
    assert {case.point for case in CASES} | AT_TARGETS == NAMES


def test_every_verb_has_points() -> None:
    """Each step after which a broker may die has a name."""
    assert all(steps for steps in POINTS.values())
    assert len(NAMES) == sum(len(steps) for steps in POINTS.values())


def test_an_unknown_point_is_a_mistake() -> None:
    """Rather than a broker that never dies."""
    with pytest.raises(ValueError, match="no such fault point"):
        FaultPoints("issue.dreamt")
