"""Findings about agents."""

from typing import Final

from broker.behaviour.rules import SIGNAL, Action, Detector
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    COUNT,
    FINDING_ID,
    INSTANT,
    MAYBE_INSTANT,
    NAME,
    PAGE,
    STRING,
    TASK_ID,
)
from broker.http.contract.schema import array, described, paged, record, ref, words

_OPERATOR: Final = ("operator",)
_DETECTOR: Final = words(*Detector, SIGNAL)
_SHOWN: Final = Answer("The finding.", "Finding")

SCHEMAS: Final = {
    "Finding": record(
        {
            "id": FINDING_ID,
            "detector": _DETECTOR,
            "action": described(words(*Action), "What it leads to, as its detector is set."),
            "tenant": STRING,
            "agent": STRING,
            "found_at": INSTANT,
            "count": described(COUNT, "How much there was of it,"),
            "limit": described(COUNT, "and from where on it is odd."),
            "what": described(STRING, "The name that is new; empty where none is."),
            "tasks": array(TASK_ID),
            "evidence": described(array(COUNT), "The events, by their seq in the audit trail."),
            "did": described(array(STRING), "What followed; empty until something has."),
            "done_at": MAYBE_INSTANT,
            "acknowledged_by": STRING,
            "acknowledged_at": MAYBE_INSTANT,
            "acknowledged_reason": STRING,
        }
    ),
    "FindingPage": paged("findings", ref("Finding")),
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/findings",
        name="listFindings",
        summary="List what was found odd in what agents do, newest first",
        callers=_OPERATOR,
        query={
            "tenant": NAME,
            "agent": NAME,
            "detector": _DETECTOR,
            "state": words("open", "acknowledged"),
            **PAGE,
        },
        answers={200: Answer("One page; it may be short before the last.", "FindingPage")},
        problems=("access-denied",),
    ),
    Operation(
        method="GET",
        path="/v1/findings/{finding}",
        name="showFinding",
        summary="Show a finding",
        callers=_OPERATOR,
        answers={200: _SHOWN},
        problems=("access-denied", "not-found"),
    ),
    Operation(
        method="POST",
        path="/v1/findings/{finding}/acknowledge",
        name="acknowledgeFinding",
        summary="Say that somebody has looked at a finding; it thaws nothing",
        callers=_OPERATOR,
        body=Body("FreezeBody", {"reason": "a new release asks for more"}),
        answers={200: _SHOWN},
        problems=("access-denied", "not-found", "superseded"),
    ),
)
