"""Ends that orchestrators tell of."""

from typing import Final

from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import REASON, TASK_ID, WORD
from broker.http.contract.schema import described, nullable, record, ref, text, words
from broker.http.end_routes import OUTCOMES
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP

SCHEMAS: Final = {
    "ToldEnd": record({"task": TASK_ID}, {"reason": nullable(REASON)}),
    "TellEndBody": described(
        record({"type": words(*OUTCOMES), "data": ref("ToldEnd")}, {"timestamp": nullable(WORD)}),
        "A message as Standard Webhooks describes them; what counts is signed in the headers.",
    ),
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/ends/{orchestrator}",
        name="tellEnd",
        summary="Say by a signed message (Standard Webhooks) that a task has ended",
        callers=(),
        headers={
            ID: text(least=1, most=255, example="msg_1"),
            TIMESTAMP: text(least=1, most=12, example="1700000000"),
            SIGNATURE: text(least=1, most=4096, example="v1,AAAA"),
        },
        body=Body("TellEndBody", {"type": "task.completed", "data": {"task": f"t_00_{'a' * 26}"}}),
        answers={200: Answer("It has ended: the report's first page.", "TaskReport")},
        problems=("unauthenticated", "not-found", "idempotency-conflict", "unavailable"),
    ),
)
