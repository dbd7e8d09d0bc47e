"""Emergencies: people open one declared capability for a task, and answer for it."""

from typing import Final

from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    COUNT,
    DIGEST,
    FLAG,
    GLASS_ID,
    INSTANT,
    MAYBE_INSTANT,
    NAME,
    OPTIONAL_TTL,
    PAGE,
    REASON,
    SCOPES,
    STRING,
    TASK_ID,
)
from broker.http.contract.schema import Schema, array, described, paged, record, ref, words

_STATE: Final = words("requested", "agreed", "open", "ended", "refused", "lapsed")

_GLASS: Final[dict[str, Schema]] = {
    "id": GLASS_ID,
    "state": _STATE,
    "digest": described(DIGEST, "What people agree to: it stands for every byte of what is asked."),
    "task": TASK_ID,
    "tenant": STRING,
    "agent": STRING,
    "instance": STRING,
    "capability": STRING,
    "scopes": array(STRING),
    "ttl_seconds": COUNT,
    "opener": STRING,
    "said": described(
        record({"reason": STRING, "incident": STRING}), "What a person wrote, unchecked."
    ),
    "asked_of": array(STRING),
    "voices": array(STRING),
    "asked_at": INSTANT,
    "confirm_until": INSTANT,
    "alarm": described(array(STRING), "The receivers that said that the alarm arrived."),
    "opened_at": MAYBE_INSTANT,
    "ends_at": MAYBE_INSTANT,
    "credential": STRING,
    "ended_at": MAYBE_INSTANT,
    "ended_by": STRING,
    "review": record(
        {
            "due_at": MAYBE_INSTANT,
            "is_owed": FLAG,
            "is_overdue": FLAG,
            "reviewed_at": MAYBE_INSTANT,
            "reviewed_by": STRING,
            "words": STRING,
        }
    ),
}

SCHEMAS: Final = {
    "BreakGlass": record(_GLASS),
    "BreakGlassPage": paged("break_glass", ref("BreakGlass")),
    "AskGlassBody": record(
        {
            "task": TASK_ID,
            "capability": NAME,
            "scopes": SCOPES,
            "reason": REASON,
            "incident": NAME,
        },
        {"ttl_seconds": OPTIONAL_TTL | {"minimum": 2}},
    ),
    "ConfirmGlassBody": record({"digest": DIGEST}),
    "ReviewGlassBody": record({"words": REASON}),
}

_PERSON: Final = ("person",)
_LOOKERS: Final = ("person", "operator")
_SHOWN: Final = Answer("The emergency as it is now.", "BreakGlass")
_OPENING: Final = (
    "access-denied",
    "task-closed",
    "stale-facts",
    "not-found",
    "break-glass-state",
    "alarm-not-delivered",
    "break-glass-review-owed",
)

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/break-glass",
        name="askToBreakGlass",
        summary="Ask for one declared capability, for a task of an agent, in an emergency",
        callers=_PERSON,
        body=Body(
            "AskGlassBody",
            {
                "task": "t_07_" + "a" * 26,
                "capability": "orders-export",
                "scopes": ["orders:export"],
                "reason": "the export of the books is stuck",
                "incident": "INC-1",
            },
        ),
        creates=True,
        answers={
            201: Answer("What is asked, or what is open.", "BreakGlass", headers=("Location",))
        },
        problems=_OPENING,
    ),
    Operation(
        method="GET",
        path="/v1/break-glass",
        name="listBreakGlass",
        summary="List emergencies, the newest first",
        callers=_LOOKERS,
        query={"only": words("open", "unreviewed")} | PAGE,
        answers={200: Answer("One page.", "BreakGlassPage")},
        problems=("access-denied",),
    ),
    Operation(
        method="GET",
        path="/v1/break-glass/{glass}",
        name="showBreakGlass",
        summary="Show an emergency",
        callers=("person", "operator", "agent"),
        answers={200: _SHOWN},
        problems=("not-found",),
    ),
    Operation(
        method="POST",
        path="/v1/break-glass/{glass}/confirm",
        name="confirmBreakGlass",
        summary="Agree to exactly this, as somebody else; when enough have, it opens",
        callers=_PERSON,
        body=Body("ConfirmGlassBody", {"digest": "ab" * 32}),
        answers={200: _SHOWN},
        problems=_OPENING,
    ),
    Operation(
        method="POST",
        path="/v1/break-glass/{glass}/credential",
        name="fetchBreakGlass",
        summary="Fetch the one credential, as the instance of the task",
        callers=("agent",),
        body=Body("EmptyBody", {}, is_required=False),
        answers={
            201: Answer("The credential, this once.", "IssuedCredential", headers=("Location",))
        },
        problems=(
            "access-denied",
            "task-closed",
            "stale-facts",
            "not-found",
            "quota-exceeded",
            "break-glass-state",
            "credential-ended",
            "issuance-failed",
        ),
    ),
    Operation(
        method="POST",
        path="/v1/break-glass/{glass}/end",
        name="endBreakGlass",
        summary="End it now, with what was had by it",
        callers=_LOOKERS,
        body=Body("EmptyBody", {}, is_required=False),
        answers={200: _SHOWN},
        problems=("access-denied", "not-found", "break-glass-state"),
    ),
    Operation(
        method="POST",
        path="/v1/break-glass/{glass}/review",
        name="reviewBreakGlass",
        summary="Answer for it, as somebody who had no part in it",
        callers=_PERSON,
        body=Body("ReviewGlassBody", {"words": "looked at the export: it was needed"}),
        answers={200: _SHOWN},
        problems=("access-denied", "not-found", "break-glass-state"),
    ),
)
