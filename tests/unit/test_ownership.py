"""The built-in rule, caller by caller."""

from collections.abc import Callable
from typing import Any

import pytest

from broker.errors import AccessDeniedError, NotFoundError
from broker.model.principal import Kind, Principal
from broker.ownership import (
    is_opener,
    is_operator_of,
    is_owner,
    require_holder,
    require_operator,
    require_owner,
    require_visible,
)
from tests.fakes.records import lease_spec, principal, task, task_spec

OWNER = principal()
OPENER = principal(Kind.ORCHESTRATOR, "ci", instance="ci-7")
OPERATOR = principal(Kind.OPERATOR, "alice")

NEARLY_OWNERS = [
    principal(instance="pod-2"),
    principal(name="helper-bot"),
    principal(tenants=frozenset({"globex"})),
    principal(tenants=frozenset()),
    principal(Kind.ORCHESTRATOR, "invoice-bot"),
    principal(Kind.OPERATOR, "invoice-bot"),
    principal(Kind.RESOURCE, "invoice-bot"),
]


@pytest.mark.parametrize("caller", NEARLY_OWNERS)
def test_whoever_differs_in_anything_is_not_the_owner(caller: Principal) -> None:
    """Kind, name, instance and tenant all have to be right."""
    assert is_owner(OWNER, task())
    assert not is_owner(caller, task())


def test_an_unclaimed_task_has_no_owner() -> None:
    """Not even an instance whose name is empty."""
    assert not is_owner(principal(instance=""), task(instance=""))


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (OPENER, True),
        (principal(Kind.ORCHESTRATOR, "ci", instance="ci-8"), True),
        (principal(Kind.ORCHESTRATOR, "other"), False),
        (principal(Kind.AGENT, "ci"), False),
        (principal(Kind.ORCHESTRATOR, "ci", issuer="https://other.example"), False),
        (principal(Kind.ORCHESTRATOR, "ci", tenants=frozenset({"globex"})), False),
    ],
)
def test_an_orchestrator_is_one_opener_however_many_copies_run(
    caller: Principal, *, expected: bool
) -> None:
    """But of the same name, vouched for by the same issuer, in the task's tenant."""
    assert is_opener(caller, task_spec()) is expected


def test_an_agent_that_opened_a_child_is_one_instance() -> None:
    """Another copy of it did not open anything."""
    child = task_spec(opener="agent:planner", opener_instance="pod-1")

    assert is_opener(principal(name="planner"), child)
    assert not is_opener(principal(name="planner", instance="pod-2"), child)


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (OPERATOR, True),
        (principal(Kind.OPERATOR, "root", tenants=frozenset({"*"})), True),
        (principal(Kind.OPERATOR, "gina", tenants=frozenset({"globex"})), False),
        (principal(Kind.OPERATOR, "nobody", tenants=frozenset()), False),
        (principal(Kind.AGENT, "alice"), False),
    ],
)
def test_operators_are_operators_of_tenants(caller: Principal, *, expected: bool) -> None:
    """Of those that the registry has for them, or of all."""
    assert is_operator_of(caller, "acme") is expected


def test_owner_opener_and_operator_may_look() -> None:
    """Nobody else: to them there is no such task."""
    for caller in (OWNER, OPENER, OPERATOR):
        require_visible(caller, task())
    for caller in (*NEARLY_OWNERS[:3], principal(Kind.RESOURCE, "https://orders.example")):
        with pytest.raises(NotFoundError):
            require_visible(caller, task())


NEARLY_HOLDERS: list[dict[str, Any]] = [
    {"instance": "pod-2"},
    {"name": "helper-bot"},
    {"issuer": "https://other.example"},
    {"tenants": frozenset({"globex"})},
    {"kind": Kind.OPERATOR},
]


@pytest.mark.parametrize("changes", NEARLY_HOLDERS, ids=str)
def test_a_credential_is_held_on_the_evidence_that_it_was_issued_on(
    changes: dict[str, Any],
) -> None:
    """The same agent, instance, tenant, and the same issuer of the evidence (A8)."""
    require_holder(OWNER, lease_spec())
    with pytest.raises(NotFoundError):
        require_holder(principal(**changes), lease_spec())


def test_every_refusal_is_the_same() -> None:
    """Absent and foreign look alike (I6)."""
    attempts: list[Callable[[], None]] = [
        lambda: require_owner(principal(name="x"), task_spec(), "pod-1"),
        lambda: require_visible(principal(name="x"), task()),
        lambda: require_holder(principal(name="x"), lease_spec()),
    ]
    for attempt in attempts:
        with pytest.raises(NotFoundError):
            attempt()


@pytest.mark.parametrize("kind", Kind)
def test_what_is_for_operators_is_for_nobody_else(kind: Kind) -> None:
    """By what they are, whatever their name and their tenant."""
    caller = principal(kind, "alice")

    if kind is Kind.OPERATOR:
        require_operator(caller)
        return
    with pytest.raises(AccessDeniedError, match="operators-only"):
        require_operator(caller)
