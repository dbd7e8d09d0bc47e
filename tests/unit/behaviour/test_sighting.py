"""What of a told use speaks about an agent."""

from typing import Any

import pytest

from broker.behaviour.sighting import Seen, Where, sighting_of

HERE = Where(bucket=3, n=1, seq=1, at_ms=1_000, tenant="acme")
SAID = {"agent": "invoice-bot", "instance": "pod-1", "task": "t_1", "said_by": "agent"}
PASSED = {"outcome": "answered", "times": 9}


@pytest.mark.parametrize("problem", ["stray-stand-in", "foreign-credential"])
def test_what_looks_like_a_leak_is_seen(problem: str) -> None:
    """Among whatever else was told with it."""
    told = {**SAID, "uses": [PASSED, {"outcome": "refused", "problem": problem}]}

    seen = sighting_of("use.said", HERE, told)

    assert seen is not None
    assert (seen.what, seen.agent, seen.task) == (Seen.STRAYED, "invoice-bot", "t_1")


@pytest.mark.parametrize(
    "uses",
    [
        [],
        [PASSED],
        [{"outcome": "refused", "problem": "undeclared-host"}],
        None,
        "stray-stand-in",
        [None, 7, "stray-stand-in"],
        [{"problem": ["stray-stand-in"]}],
        {"problem": "stray-stand-in"},
    ],
)
def test_all_else_says_nothing(uses: Any) -> None:
    """That much was used is no sighting, and garbage is none."""
    assert sighting_of("use.said", HERE, {**SAID, "uses": uses}) is None
