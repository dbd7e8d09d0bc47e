"""Signals from outside."""

from typing import Final

from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import FINDING_ID
from broker.http.contract.schema import record, text
from broker.http.wire import MAX_SIGNAL

SCHEMAS: Final = {
    "SignalBody": record({"signal": text(least=1, most=MAX_SIGNAL, example="e30.e30.e30")}),
    "SignalTaken": record({"finding": FINDING_ID}),
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/signals",
        name="sendSignal",
        summary="Say that an agent, a task or a person is odd: a signed Security Event Token",
        callers=(),
        body=Body("SignalBody", {"signal": "e30.e30.e30"}),
        answers={202: Answer("It is taken, and what follows is done.", "SignalTaken")},
        problems=(
            *("unauthenticated", "not-found", "evidence-used", "unavailable"),
            "store-unavailable",
        ),
    ),
)
