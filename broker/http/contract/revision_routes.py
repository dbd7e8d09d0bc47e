"""What is published, for operators of everything: revisions, and how the signing keys stand."""

from typing import Final

from broker.http.contract.operation import Answer, Operation
from broker.http.contract.parts import COUNT, FLAG, INSTANT, MAYBE_INSTANT, STRING
from broker.http.contract.schema import NEXT, Schema, array, described, record, ref, words
from broker.store.shadow_ledger import NOW_GRANTED, NOW_REFUSED, OUTCOMES

_PUBLICATION: Final[dict[str, Schema]] = {
    "revision": COUNT,
    "digest": STRING,
    "published_at": INSTANT,
    "published_by": STRING,
    "reason": STRING,
    "rollback_of": {"type": ["integer", "null"], "minimum": 1},
}

SCHEMAS: Final = {
    "Publication": record(_PUBLICATION),
    "RevisionPage": record({"revisions": array(ref("Publication")), "next": NEXT}),
    "Revision": record(
        {
            **_PUBLICATION,
            "bundle": described({"type": "object"}, "Agents, capabilities and policies."),
        }
    ),
    "KeyStates": record(
        {
            "manifest": COUNT,
            "keys": array(
                record({"kid": STRING, "alg": STRING, "state": STRING, "since": MAYBE_INSTANT})
            ),
            "gone": array(
                record(
                    {"kid": STRING, "how": STRING, "at": INSTANT, "by": STRING, "reason": STRING}
                )
            ),
            "brokers": array(ref("ServingBroker")),
        }
    ),
    "ShadowReport": record(
        {
            "is_running": FLAG,
            "digest": described(STRING, "Of the candidate."),
            "by": STRING,
            "reason": STRING,
            "started_at": INSTANT,
            "stopped_at": MAYBE_INSTANT,
            "outcomes": described(
                record(dict.fromkeys(OUTCOMES, COUNT)), "Its answers, by what they come to."
            ),
            "differences": described(
                array(
                    record(
                        {
                            "direction": words(NOW_REFUSED, NOW_GRANTED),
                            "agent": STRING,
                            "capability": described(STRING, "Or the action, of tasks."),
                            "count": COUNT,
                        }
                    )
                ),
                "Most frequent first; `*` counts all that are not named.",
            ),
        }
    ),
    "ServingBroker": record(
        {
            "name": STRING,
            "manifest": COUNT,
            "revision": COUNT,
            "can_sign": array(STRING),
            "gives_access": FLAG,
            "living": FLAG,
            "seen_at": INSTANT,
            "trouble": STRING,
        }
    ),
}


def _read(path: str, name: str, summary: str, schema: str, *problems: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=name,
        summary=summary,
        callers=("operator",),
        answers={200: Answer(summary, schema)},
        problems=("access-denied", *problems),
    )


OPERATIONS: Final = (
    _read("/v1/revisions", "listRevisions", "The kept revisions, newest first", "RevisionPage"),
    _read(
        "/v1/revisions/{revision}",
        "showRevision",
        "One revision, with everything that it says",
        "Revision",
        "not-found",
    ),
    _read(
        "/v1/keys",
        "showKeyStates",
        "How the signing keys stand, and what each broker serves",
        "KeyStates",
        "not-found",
    ),
    _read(
        "/v1/shadow",
        "showShadowReport",
        "What a candidate beside the published policies would have decided otherwise",
        "ShadowReport",
        "not-found",
    ),
)
