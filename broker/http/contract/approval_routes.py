"""Approvals: whoever has asked waits and redeems, people look and answer."""

from typing import Final

from broker.http.contract.failures import GIVING
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    APPROVAL_ID,
    CONFIRMATION,
    COUNT,
    DIGEST,
    FLAG,
    INSTANT,
    KNOWN,
    MAYBE_INSTANT,
    NAME,
    PAGE,
    REASON,
    STRING,
    TASK_ID,
    WAIT,
)
from broker.http.contract.schema import (
    Schema,
    array,
    described,
    nullable,
    number,
    paged,
    record,
    ref,
    words,
)
from broker.model.approval import Answer as Said
from broker.model.approval import ApprovalState

_STATE: Final = words(*ApprovalState)

_BOTH: Final[dict[str, Schema]] = {
    "id": APPROVAL_ID,
    "state": _STATE,
    "digest": described(DIGEST, "Names the one exact request that people agree to."),
    "asked_at": INSTANT,
    "expires_at": described(
        INSTANT, "Until when it may be answered; once approved, until when it may be used."
    ),
    "because": described(STRING, "Why it has ended: a word."),
    "credential": described(STRING, "What was issued on it."),
}

_KNOWN: Final = record(
    {
        "tenant": STRING,
        "agent": STRING,
        "agent_record": nullable(
            record({"owner": STRING, "purpose": STRING, "status": STRING, "risk": STRING})
        ),
        "task": TASK_ID,
        "opener": STRING,
        "above": described(array(STRING), "The agents who have handed the task on."),
        "capability": STRING,
        "kind": STRING,
        "audience": STRING,
        "target": STRING,
        "about": STRING,
        "data_class": STRING,
        "scope": STRING,
        "ttl_seconds": COUNT,
        "bound_to": nullable(CONFIRMATION),
        "usable_seconds": described(COUNT, "How long a yes may be used."),
        "policies": array(STRING),
        "policy_version": STRING,
    }
)

_SAID: Final = record(
    {
        "by": described(words("agent", "opener", "evidence"), "Who has written it."),
        "name": STRING,
        "text": described(STRING, "As it was sent: show it to nobody as it stands."),
        "shown": described(STRING, "The same on one line, with all that is hidden in it."),
        "marks": array(
            words("control", "bidirectional", "invisible", "mark", "space", "look-alike")
        ),
    }
)

SCHEMAS: Final = {
    "AwaitedApproval": record(
        _BOTH
        | {
            "task": TASK_ID,
            "capability": STRING,
            "scope": STRING,
            "ttl_seconds": COUNT,
            "poll": described(STRING, "Where to look how it stands."),
            "redeem": described(STRING, "Where to get the credential once it is approved."),
            "interval_seconds": described(COUNT, "How long to wait between two looks at least."),
        }
    ),
    "Approval": record(
        _BOTH
        | {
            "version": described(number(1), "Changes with all that is decided of it."),
            "settled_at": MAYBE_INSTANT,
            "may_answer": described(FLAG, "Whether the caller may."),
            "who": described(array(STRING), "Who may answer, the first 50; for operators only."),
            "known": described(_KNOWN, "What the broker has checked, or people have published."),
            "said": described(array(_SAID), "What others have written: nobody has checked it."),
            "requirements": array(
                record(
                    {
                        "groups": array(STRING),
                        "count": number(1),
                        "not_owner": FLAG,
                        "met": FLAG,
                    }
                )
            ),
            "answers": array(
                record({"person": STRING, "answer": words(*Said), "at": INSTANT, "reason": STRING})
            ),
        }
    ),
    "ApprovalPage": paged("approvals", ref("Approval")),
    "AnswerBody": record(
        {"answer": words(*Said), "digest": DIGEST},
        {"version": nullable(number(1, 1_000_000)), "reason": nullable(REASON)},
    ),
}

_PEOPLE: Final = ("person", "operator")

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/approvals",
        name="listApprovals",
        summary="List the open approvals that the caller may answer, or its tenants', oldest first",
        callers=_PEOPLE,
        query={"task": TASK_ID, "agent": NAME, **PAGE},
        answers={200: Answer("One page; it may be short before the last.", "ApprovalPage")},
    ),
    Operation(
        method="GET",
        path="/v1/approvals/{approval}",
        name="showApproval",
        summary="Show one: to whoever has asked how it stands, to people what they are asked",
        callers=("agent", *_PEOPLE),
        query={"wait": WAIT},
        headers=KNOWN,
        answers={
            200: Answer("It, or how it stands.", "AnyApproval", headers=("ETag", "Retry-After"))
        },
        problems=("not-found", "slow-down", "too-many-requests"),
    ),
    Operation(
        method="POST",
        path="/v1/approvals/{approval}/answer",
        name="answerApproval",
        summary="Say yes or no to exactly what was shown; saying it again changes nothing",
        callers=("person",),
        body=Body("AnswerBody", {"answer": "no", "digest": "ab" * 32, "version": 1}),
        answers={200: Answer("As it stands now.", "Approval")},
        problems=(
            "access-denied",
            "not-found",
            "approval-stale",
            "superseded",
            "task-closed",
            "unavailable",
        ),
    ),
    Operation(
        method="POST",
        path="/v1/approvals/{approval}/credential",
        name="redeemApproval",
        summary="Issue what people have agreed to, once; everything is decided again",
        callers=("agent",),
        body=Body("EmptyBody", {}, is_required=False),
        creates=True,
        answers={
            201: Answer("The credential, this once.", "IssuedCredential", headers=("Location",)),
            202: Answer(
                "They have not yet.", "AwaitedApproval", headers=("Location", "Retry-After")
            ),
        },
        problems=(
            "not-found",
            "approval-over",
            "superseded",
            "credential-ended",
            "issuance-failed",
            *GIVING,
        ),
    ),
)

SCHEMAS["AnyApproval"] = {"anyOf": [ref("AwaitedApproval"), ref("Approval")]}
