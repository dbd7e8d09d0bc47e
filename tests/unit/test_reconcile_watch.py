"""What a comparison that brokers make by themselves says in the log."""

import pytest
from structlog.testing import capture_logs

from broker.comparing import Incomparable
from broker.model.comparison import Comparison, Difference, Differs
from broker.reconcile_watch import remarks_on, tell
from broker.store.reconciliations import Outcome


def comparison(*kinds: Differs) -> Comparison:
    """Compare something."""
    return Comparison(
        target="yard",
        kind="toy",
        identity="toy-1",
        epoch="mine",
        seen=4,
        known=2,
        foreign={"theirs": 2},
        differences=tuple(Difference(kind=kind, locator=f"toy_{kind}") for kind in kinds),
    )


@pytest.mark.parametrize(
    ("kinds", "event", "level"),
    [
        ((), "targets-compared", "info"),
        ((Differs.UNMARKED, Differs.REMNANT), "targets-compared", "info"),
        ((Differs.ORPHAN,), "targets-differ", "warning"),
        ((Differs.MISSING, Differs.UNMARKED), "targets-differ", "warning"),
        ((Differs.UNDEAD, Differs.ORPHAN), "dead-credential-lives", "error"),
    ],
)
def test_it_is_as_loud_as_what_differs_is_bad(
    kinds: tuple[Differs, ...], event: str, level: str
) -> None:
    """With the number of each kind, and none of their names."""
    with capture_logs() as lines:
        tell(comparison(*kinds))

    (line,) = lines
    assert (line["event"], line["log_level"], line["target"]) == (event, level, "yard")
    assert {kind: line[kind] for kind in Differs} == {kind: int(kind in kinds) for kind in Differs}
    assert line["foreign"] == 2
    assert "toy_" not in str(line)


def test_a_target_that_could_not_be_compared_is_told() -> None:
    """With the word for it; no backend's own text."""
    with capture_logs() as lines:
        tell(Incomparable("yard", "toy", "late", "whatever a backend says"))

    (line,) = lines
    assert (line["event"], line["why"]) == ("reconcile-failed", "late")
    assert "whatever" not in str(line)


def test_a_kind_that_lists_nothing_is_no_failure() -> None:
    """Nobody is woken for it."""
    with capture_logs() as lines:
        tell(Incomparable("yard", "toy", "", "its kind cannot say what is there"))

    assert lines == []


def test_readiness_remarks_on_what_somebody_should_look_at() -> None:
    """The rest is shown by the command."""
    found = {"orphan": 2, "missing": 1, "unmarked": 9, "remnant": 9, "undead": 0}

    lists = {"missing": 3, "left-over": 9, "foreign": 4, "unmarked": 0, "edited": 0}

    remarks = remarks_on("yard", Outcome(by="broker", found=found, lists=lists))

    assert [each.what.split()[2] for each in remarks] == ["2", "1", "3", "4"]
    assert all("broker reconcile yard" in each.remedy for each in remarks)
