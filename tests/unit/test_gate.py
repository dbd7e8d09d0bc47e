"""The gate: closed until everybody agreed, and whenever somebody objects."""

import pytest

from broker.errors import UnavailableError
from broker.gate import Gate, Hindrance

WRONG = Hindrance("it is wrong", "mend it")


def test_a_gate_is_closed_until_every_watcher_has_looked() -> None:
    """A broker that knows nothing yet gives nothing."""
    gate = Gate(["store", "clock"])
    assert not gate.is_open

    gate.report("store")
    assert not gate.is_open
    gate.report("clock")

    assert gate.is_open
    gate.require()


def test_one_objection_closes_it_and_only_its_owner_opens_it() -> None:
    """Another watcher's agreement says nothing about it."""
    gate = Gate([])
    gate.report("store", WRONG)

    gate.report("clock")

    with pytest.raises(UnavailableError, match="store: it is wrong"):
        gate.require()
    gate.report("store")
    assert gate.is_open


def test_all_objections_are_told_together() -> None:
    """With what to do about each."""
    gate = Gate([])
    gate.report("store", WRONG, Hindrance("this too", "do that"))
    gate.report("keys", WRONG)

    assert gate.hindrances() == [
        ("store", "it is wrong", "mend it"),
        ("store", "this too", "do that"),
        ("keys", "it is wrong", "mend it"),
    ]


def test_a_remark_is_told_and_closes_nothing() -> None:
    """What hinders some callers is no reason against the others."""
    gate = Gate([])
    gate.remark("issuers", WRONG)

    assert gate.is_open
    assert gate.hindrances() == [("issuers", "it is wrong", "mend it")]
    gate.remark("issuers")
    assert gate.hindrances() == []
