"""What `broker doctor` says of comparisons: how bad it is, and what to do."""

import pytest

from broker.store.reconciliations import Kept, Outcome
from broker.target_findings import examine
from broker.targets.settings import Declared, TargetRecord
from tests.fakes.toy_kind import ToyOptions

NOW_MS = 10**12
PERIOD_S = 600


def declared(name: str = "yard", every_s: int = PERIOD_S) -> Declared:
    """Declare a target."""
    record = TargetRecord(name=name, kind="toy", options={"port": 1}, reconcile_seconds=every_s)
    return Declared(record=record, options=ToyOptions(port=1))


def kept(ago_s: int = 1, trouble: str = "", **found: int) -> Kept:
    """Remember a comparison."""
    return Kept(NOW_MS - ago_s * 1000, Outcome(by="broker", found=found), trouble)


def test_without_targets_there_is_nothing_to_compare() -> None:
    """Which is well."""
    (line,) = examine([], {}, NOW_MS)

    assert (line.check, line.state, line.what) == ("targets", "ok", "there are none")


@pytest.mark.parametrize(
    ("last", "states"),
    [
        (None, ["ok"]),
        (kept(), ["ok"]),
        (kept(orphan=0, unmarked=3, remnant=2), ["ok"]),
        (kept(orphan=2), ["warn"]),
        (kept(missing=1), ["warn"]),
        (kept(undead=1, orphan=2), ["fail"]),
        (kept(trouble="late"), ["ok", "warn"]),
        (kept(trouble="late", orphan=1), ["warn", "warn"]),
        (Kept(trouble="unreachable"), ["ok", "warn"]),
        (kept(ago_s=3 * PERIOD_S), ["ok"]),
        (kept(ago_s=3 * PERIOD_S + 1), ["ok", "warn"]),
    ],
)
def test_each_state_of_a_target_is_told(last: Kept | None, states: list[str]) -> None:
    """What is broken fails, what somebody should look at warns, with a remedy for each."""
    lines = examine([declared()], {} if last is None else {"yard": last}, NOW_MS)

    assert [line.state for line in lines] == states
    assert all("broker reconcile yard" in line.remedy for line in lines if line.state != "ok")


def test_what_is_never_compared_is_not_late() -> None:
    """Its owner has said so."""
    (line,) = examine([declared(every_s=0)], {"yard": kept(ago_s=10**6)}, NOW_MS)

    assert line.state == "ok"


def test_each_target_has_its_own_line() -> None:
    """In the order of the file."""
    found = examine([declared("b"), declared("a")], {"a": kept(orphan=1)}, NOW_MS)

    assert [(line.state, line.what.split()[0]) for line in found] == [("ok", "b"), ("warn", "a")]
