"""What owners are asked about their agents, and what they answer."""

from typing import Final

from broker.facts.fields import MAX_CEILING
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    COUNT,
    DIGEST,
    FLAG,
    IDEMPOTENCY_KEY,
    INSTANT,
    MAYBE_INSTANT,
    NAME,
    PAGE,
    REASON,
    REVIEW_ID,
    STRING,
)
from broker.http.contract.schema import (
    Schema,
    array,
    described,
    form,
    number,
    paged,
    record,
    ref,
    words,
)
from broker.http.parse_reviews import STATES
from broker.model.fact import NAME_PATTERN

_VERDICT: Final = words("keep", "narrow", "revoke")
_LINES: Final = array(STRING)
_LINE: Final = described(STRING, "`CAPABILITY SCOPE`.") | {"examples": ["orders-api orders:read"]}
_COUNTS: Final[Schema] = {"type": "object", "additionalProperties": COUNT}
_STATE: Final = words(*STATES)
_DAY: Final = form(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "2027-12-31")

_EVIDENCE: Final = record(
    {
        "files": _LINES,
        "lines": COUNT,
        "records": COUNT,
        "since": STRING,
        "until": STRING,
        "verified": described(FLAG, "Whether the chain of every trail was whole."),
        "faults": _LINES,
        "gaps": COUNT,
    }
)

SCHEMAS: Final = {
    "Review": record(
        {
            "id": REVIEW_ID,
            "tenant": NAME,
            "owner": STRING,
            "state": _STATE,
            "started_at": INSTANT,
            "due_at": INSTANT,
            "overdue_at": MAYBE_INSTANT,
            "packet": described(DIGEST, "What answers are bound to."),
            "agents": COUNT,
            "answered": COUNT,
            "header": record(
                {
                    **dict.fromkeys(("tenant", "owner", "due", "next_review"), STRING),
                    **dict.fromkeys(("reason", "by", "since", "until"), STRING),
                    "registered": described(FLAG, "Whether the facts know the owner."),
                    "evidence": _EVIDENCE,
                    "bundle": COUNT,
                    "bundle_digest": STRING,
                    "facts": COUNT,
                    "agents": COUNT,
                    "format": number(1),
                }
            ),
        }
    ),
    "ReviewPage": paged("reviews", ref("Review")),
    "ReviewEntry": record(
        {
            **dict.fromkeys(("agent", "source", "status", "purpose", "risk"), STRING),
            "review_by": STRING,
            "held": FLAG,
            "ceiling": _LINES,
            "rights": record({"possible": _LINES, "after_approval": _LINES, "refused": STRING}),
            "usage": record(
                {
                    **dict.fromkeys(("granted", "used", "denied", "behalf"), _COUNTS),
                    "findings": _COUNTS,
                    **dict.fromkeys(("tasks", "children", "handed_on", "credentials"), COUNT),
                    **dict.fromkeys(("renewed", "break_glass"), COUNT),
                    "last_granted": STRING,
                    "last_used": STRING,
                },
                {
                    "said": described(_COUNTS, "Uses that the agent's own side told of, by line."),
                    "said_refused": described(_COUNTS, "What its proxy refused, it says."),
                    "last_said": STRING,
                },
            ),
            "unused": described(_LINES, "Granted, and use would have been seen."),
            "unknown": described(_LINES, "Granted where nobody tells of use."),
            "never": described(_LINES, "Could be granted, and never was."),
            "suggestion": record({"verdict": _VERDICT, "ceiling": _LINES}),
        }
    ),
    "ReviewedAgent": record(
        {
            "entry": ref("ReviewEntry"),
            "answer": {
                "anyOf": [
                    record(
                        {
                            **dict.fromkeys(("review", "agent", "reason", "packet"), STRING),
                            **dict.fromkeys(("by", "issuer", "subject", "evidence"), STRING),
                            "verdict": _VERDICT,
                            "ceiling": _LINES,
                            "review_by": STRING,
                            "signature": described(STRING, "The broker's word on it, a JWS."),
                            "at": INSTANT,
                        }
                    ),
                    {"type": "null"},
                ]
            },
            "effect": {
                "anyOf": [
                    record(
                        {
                            "state": words("done", "to-do", "failed"),
                            "told": STRING,
                            "to_do": described(_LINES, "What agents.yaml has to say."),
                            "revision": COUNT,
                        }
                    ),
                    {"type": "null"},
                ]
            },
        }
    ),
    "ReviewedPage": paged("agents", ref("ReviewedAgent")),
    "ReviewAnswerBody": record(
        {
            "agent": form(f"^{NAME_PATTERN}$", "invoice-bot"),
            "packet": DIGEST,
            "verdict": _VERDICT,
            "reason": REASON,
        },
        {
            "ceiling": array(_LINE, most=MAX_CEILING),
            "review_by": _DAY,
        },
    ),
}

_CALLERS: Final = ("operator", "person")
_KEY: Final = described(IDEMPOTENCY_KEY, "Of no effect: the same answer again is the same.")

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/reviews",
        name="listReviews",
        summary="List the reviews that the caller may see, the newest first",
        callers=_CALLERS,
        query={"tenant": NAME, "state": _STATE, **PAGE},
        answers={200: Answer("One page.", "ReviewPage")},
    ),
    Operation(
        method="GET",
        path="/v1/reviews/{review}",
        name="showReview",
        summary="Show a review",
        callers=_CALLERS,
        answers={200: Answer("The review.", "Review")},
        problems=("not-found",),
    ),
    Operation(
        method="GET",
        path="/v1/reviews/{review}/agents",
        name="listReviewed",
        summary="List a review's agents, with what was answered about each",
        callers=_CALLERS,
        query=PAGE,
        answers={200: Answer("One page.", "ReviewedPage")},
        problems=("not-found",),
    ),
    Operation(
        method="POST",
        path="/v1/reviews/{review}/answers",
        name="answerReview",
        summary="Answer about one agent: keep, narrow or revoke",
        callers=_CALLERS,
        headers={"Idempotency-Key": _KEY},
        body=Body(
            "ReviewAnswerBody",
            {
                "agent": "invoice-bot",
                "packet": "ab" * 32,
                "verdict": "keep",
                "reason": "does what it is for",
            },
        ),
        answers={200: Answer("The agent, with the answer and what came of it.", "ReviewedAgent")},
        problems=("access-denied", "not-found", "superseded"),
    ),
)
