"""An export that was changed in anything is no export."""

import copy
from typing import Any

import pytest

from broker.reviews.checking import check_export
from tests.fakes.exports import sealed


def test_what_was_exported_is_good() -> None:
    """Its digest is that of its agents."""
    found = check_export(sealed(), [])

    assert (found.is_good, found.answers) == (True, 1), found.faults


CHANGES: dict[str, Any] = {
    "a count": lambda whole: whole["agents"][0]["entry"]["usage"].update(tasks=9),
    "a suggestion": lambda whole: whole["agents"][0]["entry"]["suggestion"].update(
        verdict="revoke"
    ),
    "the owner": lambda whole: whole["review"]["header"].update(owner="person:eve"),
    "that it is verified": lambda whole: whole["review"]["header"]["evidence"].update(lines=1),
    "an agent less": lambda whole: whole["agents"].clear(),
    "an agent twice": lambda whole: whole["agents"].append(whole["agents"][0]),
    "whose answer": lambda whole: whole["agents"][0]["answer"].update(packet="00" * 32),
    "of which review": lambda whole: whole["agents"][0]["answer"].update(review="v_00_x"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_changed_shows(change: Any) -> None:
    """Counts, names, agents left out, answers of elsewhere."""
    whole = copy.deepcopy(sealed())
    change(whole)

    assert not check_export(whole, []).is_good
