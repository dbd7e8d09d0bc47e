"""Whom a cut concerns: tasks, what hangs below them, and single leases."""

import pytest

from broker.model.requests import SelectorKind
from broker.model.task import TaskSpec
from broker.populations import ends_ancestor, ends_lease, ends_task, reaches
from broker.store.cut_ledger import Cut
from tests.fakes.records import CHILD, ISSUER, NOW_MS, ROOT, lease, lease_spec, task_spec

OTHER_ISSUER = "https://other.example"
PARENT = task_spec()
PART = task_spec(
    id=CHILD,
    path=(ROOT, CHILD),
    actors=("invoice-bot", "helper-bot"),
    issuers=(ISSUER, OTHER_ISSUER),
    agent="helper-bot",
    opener_issuer=OTHER_ISSUER,
)

CASES = [
    (Cut(SelectorKind.ALL, ""), (True, False), (True, True)),
    (Cut(SelectorKind.TENANT, "acme"), (True, False), (True, True)),
    (Cut(SelectorKind.TENANT, "globex"), (False, False), (False, False)),
    (Cut(SelectorKind.AGENT, "invoice-bot"), (True, False), (False, True)),
    (Cut(SelectorKind.AGENT, "invoice-bot", "acme"), (True, False), (False, True)),
    (Cut(SelectorKind.AGENT, "invoice-bot", "globex"), (False, False), (False, False)),
    (Cut(SelectorKind.AGENT, "helper-bot"), (False, False), (True, False)),
    (Cut(SelectorKind.ISSUER, ISSUER), (True, False), (False, True)),
    (Cut(SelectorKind.ISSUER, OTHER_ISSUER), (False, False), (True, False)),
    (Cut(SelectorKind.CAPABILITY, "orders-api"), (False, False), (False, False)),
]


@pytest.mark.parametrize(("cut", "parent", "part"), CASES, ids=[cut.field for cut, _, _ in CASES])
def test_a_task_is_ended_by_itself_or_by_what_is_above_it(
    cut: Cut, parent: tuple[bool, bool], part: tuple[bool, bool]
) -> None:
    """Each task is found once: where it is ended itself, or below the one that is."""
    assert (ends_task(cut, PARENT), ends_ancestor(cut, PARENT)) == parent
    assert (ends_task(cut, PART), ends_ancestor(cut, PART)) == part


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (Cut(SelectorKind.CAPABILITY, "orders-api"), True),
        (Cut(SelectorKind.CAPABILITY, "orders-api", "acme"), True),
        (Cut(SelectorKind.CAPABILITY, "orders-api", "globex"), False),
        (Cut(SelectorKind.CAPABILITY, "reports-read"), False),
        (Cut(SelectorKind.ISSUER, ISSUER), True),
        (Cut(SelectorKind.ISSUER, OTHER_ISSUER), False),
        (Cut(SelectorKind.AGENT, "invoice-bot"), False),
    ],
    ids=lambda value: getattr(value, "field", value),
)
def test_a_single_lease_is_ended_by_its_capability_or_evidence(cut: Cut, *, expected: bool) -> None:
    """By an agent or tenant whole tasks are ended."""
    assert ends_lease(cut, lease(), NOW_MS + 1) is expected


@pytest.mark.parametrize(("before_ms", "expected"), [(-1, False), (0, True), (1, True)])
def test_only_what_was_issued_until_the_cut_is_ended(before_ms: int, *, expected: bool) -> None:
    """The very millisecond counts as before."""
    cut = Cut(SelectorKind.CAPABILITY, "orders-api")

    assert ends_lease(cut, lease(lease_spec()), NOW_MS + before_ms) is expected


@pytest.mark.parametrize(
    ("cut", "spec", "expected"),
    [
        (Cut(SelectorKind.CAPABILITY, "orders-api", "acme"), PARENT, True),
        (Cut(SelectorKind.CAPABILITY, "orders-api", "globex"), PARENT, False),
        (Cut(SelectorKind.CAPABILITY, "orders-api"), PARENT, True),
        (Cut(SelectorKind.AGENT, "helper-bot"), PARENT, False),
        (Cut(SelectorKind.AGENT, "helper-bot"), PART, True),
        (Cut(SelectorKind.TENANT, "globex"), PART, False),
    ],
)
def test_a_report_does_not_look_beyond_what_its_cut_reaches(
    cut: Cut, spec: TaskSpec, *, expected: bool
) -> None:
    """So no cursor leads into another tenant, or another agent's tasks."""
    assert reaches(cut, spec) is expected
