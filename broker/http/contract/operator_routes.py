"""What operators do: take access away, look what came of it, ask why."""

from typing import Final

from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    ASKED_INSTANT,
    COUNT,
    DECISION_ID,
    DIGEST,
    FLAG,
    INSTANT,
    KNOWN,
    LEASE_ID,
    MAYBE_INSTANT,
    NAME,
    OPEN_GLASS,
    OPTIONAL_TTL,
    PAGE,
    REASON,
    RECEIPTS,
    REFERENCES,
    REVOCATION_ID,
    SCOPE,
    STRING,
    TASK_ID,
    URL,
    WAIT,
    WORD,
    report,
)
from broker.http.contract.schema import (
    NEXT,
    Schema,
    array,
    described,
    mapping,
    nullable,
    paged,
    record,
    ref,
    words,
)
from broker.http.wire import MAX_LINES, MAX_REFERENCES
from broker.model.principal import Kind
from broker.model.requests import SelectorKind
from broker.policy.query import Action

_SELECTORS: Final[dict[str, Schema]] = {
    "credential": LEASE_ID,
    "task": TASK_ID,
    "agent": NAME,
    "capability": NAME,
    "issuer": URL,
    "tenant": NAME,
    "all": {"type": "boolean", "const": True},
    "set": DIGEST,
}
_ALL: Final = {"type": ["boolean", "null"], "enum": [True, None]}

_TRACE: Final[dict[str, Schema]] = {
    "policy_version": STRING,
    "facts_revision": COUNT,
    "facts": array(STRING),
    "errors": array(STRING),
    "missing": array(STRING),
}

_SELECTOR: Final = record(
    {},
    {
        **_SELECTORS,
        "in_tenant": STRING,
        "key": described(STRING, "A signing key that was stolen: `broker keys revoke`."),
        "session": described(STRING, "The end of a session: its digest."),
        "subject": described(STRING, "The end of all sessions of an issuer's subject: its digest."),
        "person": described(STRING, "The end of all sessions of a person: `TENANT/NAME`."),
    },
)

SCHEMAS: Final = {
    "Revocation": record(
        {
            "id": REVOCATION_ID,
            "selector": _SELECTOR,
            "reason": STRING,
            "ordered_by": STRING,
            "ordered_at": INSTANT,
            "issued_before": described(MAYBE_INSTANT, "Of a cut that stands; else null."),
            "acknowledged": FLAG,
            "pending_buckets": array(COUNT),
        },
        {"progress": described(record({"ended": COUNT, "total": COUNT}), "Of an order on a set.")},
    ),
    "RevocationPage": paged("revocations", ref("Revocation")),
    "Cut": record(
        {
            "selector": _SELECTOR,
            "issued_before": INSTANT,
            "until": INSTANT,
            "buckets": COUNT,
            "revocation": STRING,
            "ordered_by": STRING,
            "reason": STRING,
        }
    ),
    "CutPage": record({"cuts": array(ref("Cut")), "next": NEXT}),
    "RevocationReport": report("revocation", "Revocation"),
    "RevokeBody": described(
        record(
            {"reason": REASON},
            {
                **{name: nullable(value) for name, value in _SELECTORS.items() if name != "all"},
                "all": _ALL,
                "in_tenant": nullable(NAME),
            },
        ),
        "Exactly one of credential, task, agent, capability, issuer, tenant, all and set. "
        "`in_tenant` confines an agent, a capability, an issuer or all.",
    ),
    "Decision": record(
        {
            "decision": DECISION_ID,
            "tenant": STRING,
            "outcome": words("deny"),
            "reason": STRING,
            "trace": ref("Trace"),
            "request": described({"type": "object"}, "What was asked, as policy saw it."),
            "explained_at_revision": COUNT,
            "explanation": ref("Explanation"),
            "counterfactuals": nullable(ref("Counterfactuals")),
        },
        OPEN_GLASS,
    ),
    "Counterfactuals": described(
        record(
            {
                "to": words("permit", "deny"),
                "sets": array(array(STRING)),
                "is_complete": FLAG,
                "most_steps": COUNT,
                "steps": COUNT,
                "tried": COUNT,
            }
        ),
        "Smallest sets of steps after which the answer would be another one; no part of one does "
        "it. Complete: of the steps that were looked at no other set of so many does. Null where "
        "another server decides.",
    ),
    "ExplainBody": described(
        record(
            {"action": words(*Action), "tenant": NAME, "agent": NAME},
            {
                "caller": nullable(NAME),
                "caller_kind": nullable(words(Kind.AGENT, Kind.ORCHESTRATOR, Kind.PERSON)),
                "capability": nullable(NAME),
                "scopes": array(SCOPE, most=MAX_LINES),
                "ttl_seconds": OPTIONAL_TTL,
                "tickets": REFERENCES,
                "resources": REFERENCES,
                "on_behalf_of": nullable(NAME),
                "labels": mapping(NAME, WORD, most=MAX_REFERENCES),
                "tool": nullable(ref("ToolBody")),
            },
        ),
        "A request that nobody has made. `caller` is by default the agent, "
        "`caller_kind` agent. `capability` and `scopes` are for credentials.",
    ),
    "Supposition": record(
        {
            "explained_at_revision": COUNT,
            "explanation": ref("Explanation"),
            "counterfactuals": nullable(ref("Counterfactuals")),
        }
    ),
    "Trace": record(
        {**_TRACE, "policies": array(STRING)}, {"until_ms": COUNT, "graph_revision": COUNT}
    ),
    "Explanation": record(
        {
            **_TRACE,
            "outcome": words("permit", "deny", "needs-approval"),
            "reason": STRING,
            "considered": array(ref("PolicyFinding")),
            "determining": array(STRING),
            "truncated": FLAG,
            "obligations": array(STRING),
            "graph_revision": described(COUNT, "The revision of the facts that it is told by."),
            "until_ms": described(
                COUNT, "When time alone may make it another one, in ms since 1970; 0 is never."
            ),
        },
        {
            "lending": described(
                nullable(ref("Explanation")),
                "Why the person who lends a right of hers may do so, or not; null: nobody lends.",
            ),
        },
    ),
    "PolicyFinding": record(
        {
            "policy": STRING,
            "effect": words("permit", "forbid"),
            "conditions": array(
                record(
                    {
                        "kind": words("when", "unless"),
                        "text": STRING,
                        "holds": FLAG,
                        "error": STRING,
                    }
                )
            ),
        }
    ),
}

_OPERATOR: Final = ("operator",)
_ORDER: Final = "Revocation"

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/revocations",
        name="revoke",
        summary="Take access away",
        callers=_OPERATOR,
        body=Body("RevokeBody", {"agent": "invoice-bot", "reason": "compromised"}),
        creates=True,
        answers={
            200: Answer("It stands in every bucket.", _ORDER, headers=("Location",)),
            202: Answer(
                "It does not stand yet in the buckets named.", _ORDER, headers=("Location",)
            ),
        },
        problems=("not-found", "access-denied", "selection-changed", "selection-too-large"),
    ),
    Operation(
        method="GET",
        path="/v1/revocations",
        name="listRevocations",
        summary="List the orders within the caller's tenants, newest first",
        callers=_OPERATOR,
        query={
            "tenant": described(NAME, "One that the order reaches."),
            "ordered_by": described(NAME, "As an order shows it: `operator:alice`."),
            "of": described(words(*SelectorKind), "What the order names."),
            "acknowledged": words("true", "false"),
            "ordered_after": ASKED_INSTANT,
            "ordered_before": ASKED_INSTANT,
            **PAGE,
        },
        answers={200: Answer("One page; it may be short before the last.", "RevocationPage")},
        problems=("access-denied",),
    ),
    Operation(
        method="GET",
        path="/v1/revocations/{revocation}",
        name="showRevocation",
        summary="Show an order",
        callers=_OPERATOR,
        query={"wait": WAIT},
        headers=KNOWN,
        answers={200: Answer("The order.", _ORDER, headers=("ETag",))},
        problems=("not-found",),
    ),
    Operation(
        method="GET",
        path="/v1/revocations/{revocation}/report",
        name="reportRevocation",
        summary="Show the receipts of an order",
        callers=_OPERATOR,
        query={**RECEIPTS, **PAGE, "wait": WAIT},
        headers=KNOWN,
        answers={200: Answer("One page of the report.", "RevocationReport", headers=("ETag",))},
        problems=("not-found",),
    ),
    Operation(
        method="GET",
        path="/v1/cuts",
        name="listCuts",
        summary="List the cuts that stand",
        callers=_OPERATOR,
        answers={200: Answer("All of them, on one page.", "CutPage")},
        problems=("access-denied",),
    ),
    Operation(
        method="POST",
        path="/v1/explain",
        name="explainRequest",
        summary="Show what policy would say to a request that nobody has made",
        callers=_OPERATOR,
        body=Body(
            "ExplainBody",
            {
                "action": "RequestCredential",
                "tenant": "acme",
                "agent": "invoice-bot",
                "capability": "orders-api",
                "scopes": ["orders:read"],
            },
        ),
        answers={200: Answer("What it would say, and what would turn it.", "Supposition")},
        problems=("access-denied", "not-found"),
    ),
    Operation(
        method="GET",
        path="/v1/decisions/{decision}",
        name="explainDecision",
        summary="Show why a decision fell as it did",
        callers=_OPERATOR,
        answers={200: Answer("The decision.", "Decision")},
        problems=("not-found", "access-denied"),
    ),
)
