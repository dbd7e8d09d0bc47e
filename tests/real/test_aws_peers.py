"""Behaviour by behaviour, which peer does what AWS does: every cell of the table in the docs."""

import inspect
from collections.abc import Callable
from typing import Final

import pytest
from botocore.exceptions import ClientError

from tests.real import aws_table
from tests.real.aws_behaviours import SESSIONS
from tests.real.aws_entries import ENTRIES
from tests.real.aws_peer import Peer, status_of
from tests.real.aws_stage import Stage
from tests.real.peer_process import LOOPBACK, listening

Behaviour = Callable[[Stage], bool]
NOT_THERE: Final = {400, 405}
BEHAVIOURS: tuple[Behaviour, ...] = (*SESSIONS, *ENTRIES)


@pytest.fixture(scope="session")
def stage(aws_peer: Peer) -> Stage:
    """Return two buckets on a peer, and what makes roles there."""
    return Stage(aws_peer)


def title(behaviour: Behaviour) -> str:
    """Return a behaviour's row: the first line of what it says of itself."""
    return (inspect.getdoc(behaviour) or "").splitlines()[0].removesuffix(".")


def test_the_table_has_a_row_for_every_behaviour_and_no_other() -> None:
    """What nobody tries is not said."""
    assert list(aws_table.rows()) == [title(behaviour) for behaviour in BEHAVIOURS]


def test_the_table_says_yes_or_no_of_every_peer() -> None:
    """And has no other peers."""
    assert set(aws_table.peers()) == {"moto", "localemu", "radosgw"}
    for marks in aws_table.rows().values():
        assert set(marks.values()) <= set(aws_table.MARKS)


@pytest.mark.real
def test_a_peer_listens_on_the_loopback_interface_alone(aws_peer: Peer) -> None:
    """All of its processes; nobody else on the network can talk to them."""
    addresses = [listening(pid) for pid in aws_peer.pids]

    assert all(found == {LOOPBACK} for found in addresses), addresses


@pytest.mark.real
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.__name__)
def test_a_peer_does_what_the_table_says(stage: Stage, behaviour: Behaviour) -> None:
    """A peer that begins to do more, or less, is to be said."""
    said = aws_table.rows()[title(behaviour)][stage.peer.name]
    assert _seen(stage, behaviour) is aws_table.MARKS[said]


def _seen(stage: Stage, behaviour: Behaviour) -> bool | None:
    try:
        return behaviour(stage)
    except ClientError as error:
        if status_of(error) not in NOT_THERE:
            raise
        return None
