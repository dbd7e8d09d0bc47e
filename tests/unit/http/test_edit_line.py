"""So many edits at a time, and no caller takes every place."""

from contextlib import ExitStack

import pytest

from broker.http.edit_line import MOST, MOST_OF_ONE, EditLine
from broker.http.refusals import TooManyRequestsError


def test_beyond_its_places_nobody_waits() -> None:
    """Whoever comes then is told to come again; a place given back is a place."""
    line = EditLine(most=3, most_of_one=2)
    with ExitStack() as held:
        held.enter_context(line.place("operator:alice"))
        with line.place("operator:alice"):
            with pytest.raises(TooManyRequestsError), line.place("operator:alice"):
                pass
            held.enter_context(line.place("operator:bob"))
            with pytest.raises(TooManyRequestsError), line.place("operator:carol"):
                pass
        held.enter_context(line.place("operator:carol"))


def test_what_fails_gives_its_place_back() -> None:
    """Or the line would fill up for good."""
    line = EditLine(most=1, most_of_one=1)
    for _ in range(3):
        with pytest.raises(LookupError), line.place("operator:alice"):
            raise LookupError


def test_a_flood_of_one_leaves_places_for_others() -> None:
    """Whoever takes access away finds one."""
    assert 0 < MOST_OF_ONE < MOST
