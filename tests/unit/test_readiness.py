"""What readiness says of a gate."""

from broker.gate import Gate, Hindrance
from broker.http.services import FactsState
from broker.readiness import DRAIN, readiness

FACTS = FactsState(revision=3, age_ms=20)
WRONG = Hindrance("it is wrong", "mend it")


def test_an_open_gate_is_full_access() -> None:
    """Ready, and nothing to say."""
    state = readiness(Gate([]), "os", FACTS)

    assert (state.is_ready, state.mode, state.durability, state.reasons) == (True, "full", "os", ())
    assert state.facts == FACTS


def test_a_closed_gate_is_revoke_only() -> None:
    """With every reason and its remedy."""
    gate = Gate([])
    gate.report("store", WRONG)

    state = readiness(gate, "fsync", FACTS)

    assert (state.is_ready, state.mode) == (False, "revoke-only")
    assert [(reason.what, reason.remedy) for reason in state.reasons] == [
        ("store: it is wrong", "mend it")
    ]


def test_a_stopping_broker_says_so() -> None:
    """Whatever else is wrong with it."""
    gate = Gate([])
    gate.report("store", WRONG)
    gate.report(DRAIN, Hindrance("stopping", "use another one"))

    assert readiness(gate, "os", FACTS).mode == "draining"


def test_a_remark_leaves_the_broker_ready() -> None:
    """And is shown."""
    gate = Gate([])
    gate.remark("issuers", WRONG)

    state = readiness(gate, "os", FACTS)

    assert (state.is_ready, state.mode, len(state.reasons)) == (True, "full", 1)
