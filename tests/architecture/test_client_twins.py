"""The client without an event loop has every call of the one with it."""

import inspect

import pytest

from broker.client.credential_calls import CredentialCalls
from broker.client.fact_calls import FactCalls
from broker.client.glass_calls import GlassCalls
from broker.client.operator_calls import OperatorCalls
from broker.client.sync_calls import (
    SyncCredentialCalls,
    SyncFactCalls,
    SyncGlassCalls,
    SyncOperatorCalls,
    SyncTaskCalls,
)
from broker.client.task_calls import TaskCalls

PAIRS = [
    (TaskCalls, SyncTaskCalls),
    (CredentialCalls, SyncCredentialCalls),
    (OperatorCalls, SyncOperatorCalls),
    (FactCalls, SyncFactCalls),
    (GlassCalls, SyncGlassCalls),
]


@pytest.mark.parametrize(("asynchronous", "synchronous"), PAIRS)
def test_every_call_has_its_twin(asynchronous: type, synchronous: type) -> None:
    """A new call needs one line in broker/client/sync_calls.py; its documentation comes along."""
    calls = {
        name
        for name, member in vars(asynchronous).items()
        if not name.startswith("_") and inspect.isfunction(member)
    }

    assert calls == {name for name in vars(synchronous) if not name.startswith("_")}
    for name in calls:
        assert vars(synchronous)[name].__doc__ == vars(asynchronous)[name].__doc__
