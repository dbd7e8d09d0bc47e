"""Credentials: issue, look, renew, give back."""

from typing import Final

from broker.http.contract.failures import GIVING
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    CONFIRMATION,
    COUNT,
    FLAG,
    GLASS_ID,
    INSTANT,
    LEASE_ID,
    MAYBE_INSTANT,
    NAME,
    OPEN_GLASS,
    OPTIONAL_TTL,
    PAGE,
    SCOPES,
    STRING,
    TASK_ID,
    TOKEN_TYPE,
    TOOL,
    WORD,
)
from broker.http.contract.schema import (
    Schema,
    array,
    described,
    mapping,
    nullable,
    number,
    paged,
    record,
    ref,
    text,
    words,
)
from broker.http.wire import MAX_REFERENCES
from broker.reach.hosts import HIGHEST_PORT
from broker.reach.lines import MOST_CHARS, MOST_LINES, MOST_METHODS, MOST_PATHS

_LEASE: Final[dict[str, Schema]] = {
    "id": LEASE_ID,
    "task": TASK_ID,
    "kind": STRING,
    "capability": STRING,
    "audience": STRING,
    "scope": STRING,
    "expires_at": INSTANT,
    "max_expires_at": INSTANT,
    "issued_at": INSTANT,
    "generation": number(1),
    "renewable": FLAG,
}

BOUND: Final[dict[str, Schema]] = {
    "bound_to": CONFIRMATION,
    "target": NAME,
    "break_glass": GLASS_ID,
}
"""What is shown of some of them."""

RECORD: Final[dict[str, Schema]] = {
    **_LEASE,
    "state": words("reserved", "active", "ended"),
    "alive": FLAG,
    "ended_at": MAYBE_INSTANT,
    "ended_by": STRING,
    "decision": record(
        {"policies": array(STRING), "policy_version": STRING, "facts_revision": COUNT}
    ),
}
"""What is shown of a credential, without the credential."""

SCHEMAS: Final = {
    "Credential": record(RECORD, BOUND),
    "IssuedCredential": record(
        {**_LEASE, "expires_in": COUNT},
        {
            **BOUND,
            "access_token": STRING,
            "token_type": TOKEN_TYPE,
            "secret": described(
                mapping(NAME, STRING, most=MAX_REFERENCES),
                "What a credential at a target consists of, by name; empty: what it was before.",
            ),
            "reach": described(
                array(ref("ReachLine"), most=MOST_LINES),
                "What it is for at servers that speak HTTP, where its capability declares that;"
                " empty: nothing.",
            ),
        },
    ),
    "ReachLine": record(
        {
            "host": text(least=1, most=253),
            "methods": array(text(least=1, most=32), least=1, most=MOST_METHODS),
            "paths": array(text(least=1, most=MOST_CHARS), least=1, most=MOST_PATHS),
        },
        {"scheme": words("http"), "port": number(1, HIGHEST_PORT)},
    ),
    "CredentialPage": paged("credentials", ref("Credential"), OPEN_GLASS),
    "IssueBody": record(
        {"capability": NAME, "scopes": SCOPES},
        {
            "ttl_seconds": OPTIONAL_TTL | {"minimum": 2},
            "labels": mapping(NAME, WORD, most=MAX_REFERENCES),
            "tool": nullable(ref("ToolBody")),
        },
    ),
    "ToolBody": TOOL,
    "RenewBody": record({}, {"ttl_seconds": OPTIONAL_TTL}),
}

_LOOKERS: Final = ("agent", "orchestrator", "operator", "person")
_DELIVERED: Final = Answer("The credential, this once.", "IssuedCredential", headers=("Location",))
_SHOWN: Final = Answer("The record, without the credential.", "Credential")

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/tasks/{task}/credentials",
        name="issueCredential",
        summary="Issue a credential",
        callers=("agent",),
        body=Body(
            "IssueBody",
            {"capability": "orders-api", "scopes": ["orders:read"], "labels": {"run": "7"}},
        ),
        creates=True,
        answers={
            201: _DELIVERED,
            202: Answer(
                "People have to agree first: look there, then ask for the same again.",
                "AwaitedApproval",
                headers=("Location", "Retry-After"),
            ),
        },
        problems=("not-found", "credential-ended", "issuance-failed", "approval-over", *GIVING),
    ),
    Operation(
        method="GET",
        path="/v1/tasks/{task}/credentials",
        name="listCredentials",
        summary="List a task's credentials, oldest first",
        callers=_LOOKERS,
        query={"state": RECORD["state"], "capability": NAME, **PAGE},
        answers={200: Answer("One page; it may be short before the last.", "CredentialPage")},
        problems=("not-found",),
    ),
    Operation(
        method="GET",
        path="/v1/credentials/{credential}",
        name="showCredential",
        summary="Show a credential's record",
        callers=_LOOKERS,
        answers={200: _SHOWN},
        problems=("not-found",),
    ),
    Operation(
        method="DELETE",
        path="/v1/credentials/{credential}",
        name="giveCredentialBack",
        summary="Give a credential back; doing it twice is the same as once",
        callers=("agent",),
        answers={200: _SHOWN},
        problems=("not-found",),
    ),
    Operation(
        method="POST",
        path="/v1/credentials/{credential}/renew",
        name="renewCredential",
        summary="Issue the next token of the same lease, or prolong it at its target",
        callers=("agent",),
        body=Body("RenewBody", {"ttl_seconds": 300}, is_required=False),
        creates=True,
        answers={201: _DELIVERED},
        problems=(
            "not-found",
            "credential",
            "credential-ended",
            "credential-not-renewable",
            "issuance-failed",
            *GIVING,
        ),
    ),
)
