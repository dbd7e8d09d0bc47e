"""What makes two requests the same."""

from typing import Any

import pytest

from broker.idempotency import repeatable
from broker.model.principal import Kind
from broker.model.requests import IssueCredential
from tests.fakes.records import principal

REQUEST = IssueCredential("orders-api", frozenset({"b", "a"}), 1_000, {"x": "1", "y": "2"})


def test_without_a_key_every_request_is_a_new_one() -> None:
    """Nothing is remembered of it."""
    same = repeatable(principal(), "tasks", "", REQUEST)

    assert (same.key, same.digest) == ("", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"instance": "pod-2"},
        {"issuer": "https://other.example"},
        {"kind": Kind.ORCHESTRATOR},
    ],
    ids=str,
)
def test_a_key_belongs_to_one_caller(changes: dict[str, Any]) -> None:
    """Kind, name, instance and who vouches."""
    mine = repeatable(principal(), "tasks", "k", REQUEST)
    other = repeatable(principal(**changes), "tasks", "k", REQUEST)

    assert mine.key != other.key
    assert mine.digest == other.digest


def test_what_may_change_from_token_to_token_does_not_count() -> None:
    """A retry comes with fresh evidence, and maybe confined to a tenant."""
    again = principal(expires_at_ms=1, claims={"run": 7}, subject="x", tenants=frozenset({"*"}))

    assert repeatable(again, "tasks", "k", REQUEST) == repeatable(
        principal(), "tasks", "k", REQUEST
    )


def test_a_key_belongs_to_one_route() -> None:
    """The same word elsewhere is another key."""
    routes = {repeatable(principal(), route, "k", REQUEST).key for route in ("a", "b", "a b", "ab")}

    assert len(routes) == 4


def test_parts_of_a_scope_do_not_run_together() -> None:
    """Where one ends and the next begins is part of it."""
    one = repeatable(principal(instance="a"), "b c", "k", REQUEST)
    other = repeatable(principal(instance="a b"), "c", "k", REQUEST)

    assert one.key != other.key


def test_the_order_of_sets_and_maps_does_not_count() -> None:
    """The same request written another way."""
    again = IssueCredential("orders-api", frozenset({"a", "b"}), 1_000, {"y": "2", "x": "1"})

    assert repeatable(principal(), "r", "k", REQUEST) == repeatable(principal(), "r", "k", again)


@pytest.mark.parametrize(
    "other",
    [
        IssueCredential("orders-apj", frozenset({"a", "b"}), 1_000, {"x": "1", "y": "2"}),
        IssueCredential("orders-api", frozenset({"a"}), 1_000, {"x": "1", "y": "2"}),
        IssueCredential("orders-api", frozenset({"a", "b"}), 1_001, {"x": "1", "y": "2"}),
        IssueCredential("orders-api", frozenset({"a", "b"}), 1_000, {"x": "2", "y": "1"}),
        IssueCredential("orders-api", frozenset({"a", "b"}), 1_000, {}),
    ],
)
def test_every_member_counts(other: IssueCredential) -> None:
    """Another request has another digest."""
    assert (
        repeatable(principal(), "r", "k", REQUEST).digest
        != repeatable(principal(), "r", "k", other).digest
    )


def test_neither_key_nor_request_can_be_read_back() -> None:
    """Only hashes are stored."""
    same = repeatable(principal(), "r", "canary-key", {"handle": "canary-body"})

    assert "canary" not in same.key + same.digest
    assert {len(same.key), len(same.digest)} == {64}
