"""An answer is read strictly: exactly what is documented, or not at all."""

from typing import Any

import pytest

from broker.engines.verdict import GarbledAnswerError, digest_of, verdict
from broker.model.approval import Requirement
from broker.model.decision import Deny, NeedsApproval, Obligations, Permit, Trace
from broker.proof.confirmation import Binding

TRACE = Trace("v", 1)
PERMIT = {"allow": True, "obligations": {}, "policies": ["p"]}
DENY = {"allow": False, "obligations": {}, "policies": []}


def obliged(**obligations: Any) -> dict[str, Any]:
    """Permit under obligations."""
    return PERMIT | {"obligations": obligations}


def test_a_permit_permits() -> None:
    """Bound to nothing where nothing is said."""
    assert verdict(PERMIT).decision(TRACE) == Permit(Obligations(), TRACE)


def test_a_permit_is_bound_to_what_it_says() -> None:
    """As the annotations of a Cedar policy would bind it."""
    said = obliged(max_ttl_seconds=120, scopes=["a", "b"], binding="any", single_use=True)

    assert verdict(said).decision(TRACE) == Permit(
        Obligations(
            max_ttl_ms=120_000,
            scopes=frozenset({"a", "b"}),
            bindings=frozenset(Binding),
            single_use=True,
        ),
        TRACE,
    )
    assert verdict(obliged(scopes=[])).decision(TRACE) == Permit(
        Obligations(scopes=frozenset()), TRACE
    )


def test_a_permit_may_wait_for_people() -> None:
    """Each group once; and once they have agreed, under what else it says."""
    said = obliged(
        approval=["ops", "dev", "ops"],
        approval_count=2,
        approval_excludes=["owner"],
        approval_seconds=60,
        max_ttl_seconds=30,
    )
    plain = verdict(obliged(approval=["ops"])).decision(TRACE)
    decision = verdict(said).decision(TRACE)

    assert plain == NeedsApproval((Requirement(("ops",)),), TRACE)
    assert decision == NeedsApproval(
        (Requirement(("dev", "ops"), 2, not_owner=True),),
        TRACE,
        Obligations(max_ttl_ms=30_000),
        60_000,
    )


def test_a_refusal_refuses_as_cedar_would() -> None:
    """By a rule, or for want of one."""
    assert verdict(DENY).decision(TRACE) == Deny("no-permit", TRACE)
    assert verdict(DENY | {"policies": ["p"]}).decision(TRACE) == Deny("forbidden", TRACE)


LIES: list[Any] = [
    None,
    True,
    "true",
    1,
    [],
    {},
    {"allow": True},
    {"allow": True, "policies": ["p"]},
    {"allow": True, "obligations": {}},
    PERMIT | {"allow": "true"},
    PERMIT | {"allow": 1},
    PERMIT | {"allow": None},
    PERMIT | {"allow": [True]},
    PERMIT | {"obligations": None},
    PERMIT | {"obligations": []},
    PERMIT | {"policies": []},
    PERMIT | {"policies": "p"},
    PERMIT | {"policies": [7]},
    PERMIT | {"policies": [""]},
    PERMIT | {"policies": ["a\nb"]},
    PERMIT | {"policies": ["x" * 129]},
    PERMIT | {"policies": ["p"] * 51},
    PERMIT | {"reason": "because"},
    obliged(approval_count=2),
    obliged(approval_seconds=60),
    obliged(approval_excludes=["owner"]),
    obliged(approval=["ops"], approval_count=0),
    obliged(approval=["ops"], approval_count=10),
    obliged(approval=["ops"], approval_excludes=["opener"]),
    obliged(approval=["ops"], approval_seconds=0),
    obliged(max_ttl_seconds=0),
    obliged(max_ttl_seconds=-1),
    obliged(max_ttl_seconds=1.5),
    obliged(max_ttl_seconds=120.0),
    obliged(max_ttl_seconds="120"),
    obliged(max_ttl_seconds=True),
    obliged(max_ttl_seconds=2**40),
    obliged(max_ttl=120),
    obliged(scopes="orders:read"),
    obliged(scopes={"orders:read": True}),
    obliged(scopes=["orders read"]),
    obliged(scopes=[7]),
    obliged(scopes=["a"] * 65),
    obliged(binding="none"),
    obliged(binding=["dpop"]),
    obliged(single_use="true"),
    obliged(approval="oncall"),
    obliged(approval=["a b"]),
    DENY | {"obligations": {"max_ttl_seconds": 60}},
]


@pytest.mark.parametrize("said", LIES, ids=repr)
def test_what_is_not_documented_is_no_answer(said: Any) -> None:
    """Nothing is converted, completed or overlooked."""
    with pytest.raises(GarbledAnswerError):
        verdict(said)


def test_a_fault_says_where_and_not_what() -> None:
    """What a server sends may be a secret, or an attack on whoever reads logs."""
    with pytest.raises(GarbledAnswerError) as told:
        verdict(obliged(binding="s3cret"))
    assert "obligations.binding" in str(told.value)
    assert "s3cret" not in str(told.value)

    with pytest.raises(GarbledAnswerError) as told:
        verdict(PERMIT | {"s3cret": 1})
    assert "s3cret" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__context__ is None


def test_a_digest_is_of_what_was_said_and_not_how() -> None:
    """The order of members does not count, their values do."""
    one, other = {"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}

    assert digest_of(one) == digest_of(other)
    assert digest_of(one) != digest_of({"a": 1, "b": [2, 1]})
