"""A file with very many faults is told in a moment, and at a length that somebody reads."""

from pathlib import Path

import msgspec

from broker.settings.typed import MOST_UNKNOWN, Typing
from broker.settings.yaml_document import Node


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct."""

    width: int


def test_of_very_many_unknown_settings_the_first_are_named_and_the_rest_counted() -> None:
    """Each name is compared with those that there are, which is slow."""
    entries = {f"key-{number}": Node(1, number + 1) for number in range(60_000)}

    faults = list(Typing(Path()).faults(Node({"width": Node(1, 1), **entries}, 1), Door))

    assert len(faults) == MOST_UNKNOWN + 1
    assert faults[0].path == ("key-0",)
    assert faults[-1].path == (f"key-{MOST_UNKNOWN}",)
    assert f"nor are {60_000 - MOST_UNKNOWN - 1} others" in faults[-1].message


def test_few_are_all_named() -> None:
    """And nothing is counted."""
    entries = {f"key-{number}": Node(1, number + 1) for number in range(MOST_UNKNOWN)}

    faults = list(Typing(Path()).faults(Node({"width": Node(1, 1), **entries}, 1), Door))

    assert [fault.path[0] for fault in faults] == list(entries)
