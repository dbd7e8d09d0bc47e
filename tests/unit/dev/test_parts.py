import pytest

from broker.dev.parts import Turn
from broker.dev.passports import Identity
from broker.model.principal import Kind


@pytest.mark.parametrize(("brokers", "order"), [(1, [0, 0, 0, 0]), (2, [0, 1, 0, 1])])
def test_no_two_calls_in_a_row_go_to_one_broker(brokers: int, order: list[int]) -> None:
    """With two brokers every call goes to the other one than the last."""
    turn = Turn(brokers)

    assert [turn.next() for _ in range(4)] == order


def test_an_identity_says_only_what_it_is() -> None:
    """A claim without a value is left out of the workload token."""
    operator = Identity(Kind.OPERATOR, "alice", instance="console-1")

    assert operator.claims() == {"sub": "alice", "kind": "operator", "instance": "console-1"}
