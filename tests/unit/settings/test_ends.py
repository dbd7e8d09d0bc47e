"""Who ends tasks by messages is named so that no message is taken for another's."""

from pathlib import Path
from typing import Any

import pytest

from broker.settings.ends import Ends, EndSource

GOOD: dict[str, Any] = {
    "orchestrator": "ci-orchestrator",
    "issuer": "https://issuer.example",
    "keys_file": Path("/nowhere"),
}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, []),
        ({"orchestrator": ""}, ["orchestrator"]),
        ({"orchestrator": "a/b"}, ["orchestrator"]),
        ({"orchestrator": "a" * 65}, ["orchestrator"]),
        ({"issuer": ""}, ["issuer"]),
        ({"issuer": "https://a\nb"}, ["issuer"]),
    ],
    ids=repr,
)
def test_a_source_has_a_name_and_an_issuer(given: dict[str, Any], where: list[str]) -> None:
    """The name is a part of a path."""
    assert [fault.path[0] for fault in EndSource(**{**GOOD, **given}).faults()] == where


def test_each_orchestrator_is_declared_once() -> None:
    """Two could not be told apart."""
    source = EndSource(**GOOD)

    assert [fault.path for fault in Ends(sources=(source, source)).faults()] == [("sources",)]
    assert list(Ends(sources=(source,)).faults()) == []
