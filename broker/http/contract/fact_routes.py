"""Facts: what there is, how it hangs together, who changed it, and changing it."""

from typing import Final

from broker.facts.fields import MAX_CEILING
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    ASKED_INSTANT,
    COUNT,
    DIGEST,
    FLAG,
    GLOB,
    INSTANT,
    LEASE_ID,
    MAYBE_INSTANT,
    NAME,
    ORIGIN,
    PAGE,
    REASON,
    STRING,
    TASK_ID,
    URL,
)
from broker.http.contract.schema import (
    NEXT,
    Schema,
    array,
    described,
    form,
    number,
    paged,
    record,
    ref,
    text,
    words,
)
from broker.http.query import MAX_PAGE
from broker.http.wire import MAX_REFERENCES
from broker.http.wire_facts import MAX_CHANGES
from broker.model.fact import CEILING_PATTERN, ThingKind

_OPS: Final = ("put", "drop", "relate", "unrelate", "hold", "lift")
KIND: Final = words(*ThingKind)
REF: Final = described(
    form(
        f"^(team:/|({'|'.join(ThingKind)}):)[A-Za-z0-9][A-Za-z0-9._/#+@-]{{0,127}}$",
        "ticket:OPS-1",
    ),
    "`KIND:NAME`; `tenant` says whose it is. `team:/NAME` is a team of agents.yaml.",
)
HOLD: Final[Schema] = {
    "anyOf": [record({"reason": STRING, "by": STRING, "at": INSTANT}), {"type": "null"}]
}
_LINE: Final = text(least=1, most=200, example="reconciles invoices")
_SOURCE: Final = form(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "desk")
_REVISION: Final = number(0, 2**53)

_THING: Final[dict[str, Schema]] = {
    "ref": STRING,
    "kind": KIND,
    "tenant": described(STRING, "Empty of a team of agents.yaml."),
    "name": STRING,
    "source": described(STRING, "Who declared it: `bundle` is agents.yaml, empty is by hand."),
    "stands": described(FLAG, "Unless it does, it passes nothing on."),
    "status": STRING,
    "owner": STRING,
    "purpose": STRING,
    "risk": STRING,
    "data_class": STRING,
    "review_by": STRING,
    "origin": STRING,
    "identities": array(record({"issuer": STRING, "subject": STRING})),
    "ceiling": array(STRING),
    "quota": {"type": ["integer", "null"], "minimum": 1},
    "hold": HOLD,
}
_RELATION: Final[dict[str, Schema]] = {
    "tenant": STRING,
    "subject": STRING,
    "relation": STRING,
    "object": STRING,
    "source": STRING,
    "counts": described(FLAG, "Whether it does now: both ends stand, and it has not expired."),
    "expires_at": MAYBE_INSTANT,
}
_ENTRY: Final[dict[str, Schema]] = {
    "revision": COUNT,
    "at": INSTANT,
    "by": STRING,
    "reason": STRING,
    "source": STRING,
    "counts": {"type": "object", "additionalProperties": COUNT},
    "names": described(array(STRING), "The first of the things that it names."),
}
_CHANGE: Final = record(
    {"op": words(*_OPS), "tenant": NAME},
    {
        "thing": described(ref("ThingBody"), "Of `put`."),
        "ref": described(REF, "Of `drop`, `hold` and `lift`."),
        "cascade": described(FLAG, "Of `drop`: its relationships go with it."),
        "relationship": described(ref("RelationshipBody"), "Of `relate` and `unrelate`."),
    },
) | {"examples": [{"op": "hold", "tenant": "acme", "ref": "ticket:OPS-1"}]}
_HOW: Final[dict[str, Schema]] = {
    "base": described(_REVISION, "Refuse unless this revision stands."),
    "dry_run": described(FLAG, "Change nothing; say which live credentials would die."),
    "accept": described(DIGEST, "The digest of deaths that are meant, when there are many."),
}

SCHEMAS: Final = {
    "Thing": record(_THING),
    "ThingPage": record(
        {"things": array(ref("Thing"), most=MAX_PAGE), "revision": COUNT, "next": NEXT}
    ),
    "Relationship": record(_RELATION),
    "RelationshipPage": record(
        {
            "relationships": array(ref("Relationship"), most=MAX_PAGE),
            "revision": COUNT,
            "next": NEXT,
        }
    ),
    "ThingView": record(
        {
            **_THING,
            "up": described(array(ref("Relationship")), "Those of which it is the subject."),
            "down": described(array(ref("Relationship")), "Those of which it is the object."),
            "complete": described(FLAG, "Unless it is, there are more relationships."),
            "revision": COUNT,
        }
    ),
    "Reached": record(
        {
            "ref": STRING,
            "kind": KIND,
            "tenant": STRING,
            "name": STRING,
            "through": described(
                array(record({"subject": STRING, "relation": STRING, "object": STRING})),
                "A shortest way, as it is walked.",
            ),
        }
    ),
    "Reach": record(
        {
            "of": STRING,
            "tenant": STRING,
            "direction": words("from", "to"),
            "reached": array(ref("Reached"), most=MAX_PAGE),
            "complete": described(FLAG, "Unless it is, there is more than is found."),
            "revision": COUNT,
            "next": NEXT,
        }
    ),
    "IdentityBody": record(
        {
            "issuer": URL,
            "subject": described(
                text(least=1, most=512, example="spiffe://acme.example/bot"),
                "It may end in `*`, which stands for whatever follows.",
            ),
        }
    ),
    "ThingBody": record(
        {"ref": REF},
        {
            "status": NAME,
            "owner": described(REF, "`person:NAME` or `team:NAME`."),
            "purpose": _LINE,
            "risk": words("low", "medium", "high"),
            "data_class": NAME,
            "review_by": described(form(r"^\d{4}-\d\d-\d\d$", "2027-12-31"), "An ISO date."),
            "origin": ORIGIN,
            "identities": array(ref("IdentityBody"), most=MAX_REFERENCES),
            "ceiling": array(
                form(f"^{CEILING_PATTERN}$", "orders-api orders:read"), most=MAX_CEILING
            ),
            "quota": number(1, 1_000_000_000),
        },
    ),
    "RelationshipBody": record(
        {"subject": REF, "relation": NAME, "object": REF}, {"expires_at": ASKED_INSTANT}
    ),
    "ChangeBody": _CHANGE,
    "ChangeSetBody": record(
        {"reason": REASON, "changes": array(ref("ChangeBody"), least=1, most=MAX_CHANGES)},
        {"source": described(_SOURCE, "Who declares it; left away, it is by hand."), **_HOW},
    ),
    "RollBackBody": record({"reason": REASON}, _HOW),
    "DyingLease": record(
        {
            "credential": LEASE_ID,
            "task": TASK_ID,
            "agent": STRING,
            "tenant": STRING,
            "capability": STRING,
            "expires_at": INSTANT,
            "reason": described(STRING, "Why it would no longer be granted."),
        }
    ),
    "FactsChanged": record(
        {
            "revision": described(COUNT, "That it made; of a dry run the one it was held against."),
            "dry_run": FLAG,
            "changes": COUNT,
            "deaths": described(COUNT, "Live credentials that it ends."),
            "unsure": described(
                COUNT, "Others of which it cannot be told: the engine gave no answer about them."
            ),
            "dying": described(array(ref("DyingLease"), most=MAX_PAGE), "The first of them."),
            "digest": described(STRING, "Names the change, and what dies of whom by it."),
            "complete": described(FLAG, "Unless it is, not every live credential was looked at."),
        }
    ),
    "FactsEntry": record(_ENTRY),
    "FactsEntryView": record(
        {
            **_ENTRY,
            "changes": described(
                array({"type": "object"}, most=MAX_PAGE), "One page, as the API takes them."
            ),
            "next": NEXT,
        }
    ),
    "FactsHistoryPage": paged("history", ref("FactsEntry")),
}

_OPERATOR: Final = ("operator",)
_CHANGING: Final = ("access-denied", "not-found", "invalid-change", "superseded", "would-kill-many")


def _read(path: str, name: str, summary: str, schema: str, query: dict[str, Schema]) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=name,
        summary=summary,
        callers=_OPERATOR,
        query=query,
        answers={200: Answer(summary, schema)},
        problems=("access-denied", "not-found"),
    )


OPERATIONS: Final = (
    _read(
        "/v1/facts/things",
        "listThings",
        "List the things of the caller's tenants, by tenant, kind and name",
        "ThingPage",
        {
            "kind": KIND,
            "tenant": NAME,
            "status": NAME,
            "source": described(NAME, "Who declared them."),
            "q": GLOB,
            **PAGE,
        },
    ),
    _read(
        "/v1/facts/things/{kind}/{tenant}/{name}",
        "showThing",
        "Show a thing, and its relationships both ways",
        "ThingView",
        {},
    ),
    _read(
        "/v1/facts/relationships",
        "listRelationships",
        "List relationships within the caller's tenants",
        "RelationshipPage",
        {"tenant": NAME, "subject": REF, "relation": NAME, "object": REF, **PAGE},
    ),
    _read(
        "/v1/facts/reach",
        "reachFacts",
        "What a thing reaches (`from`), or is reached from (`to`), each with a way",
        "Reach",
        {"from": REF, "to": REF, "tenant": NAME, **PAGE},
    ),
    Operation(
        method="POST",
        path="/v1/facts/changes",
        name="changeFacts",
        summary="Change facts, all of it or nothing",
        callers=_OPERATOR,
        body=Body(
            "ChangeSetBody",
            {
                "reason": "INC-7",
                "changes": [{"op": "hold", "tenant": "acme", "ref": "ticket:OPS-1"}],
            },
        ),
        creates=True,
        answers={200: Answer("It stands; or what it would come to.", "FactsChanged")},
        problems=_CHANGING,
    ),
    _read(
        "/v1/facts/history",
        "listFactsHistory",
        "What was changed within the caller's tenants, newest first",
        "FactsHistoryPage",
        {"tenant": NAME, **PAGE},
    ),
    _read(
        "/v1/facts/history/{revision}",
        "showFactsRevision",
        "One revision with its changes",
        "FactsEntryView",
        {**PAGE},
    ),
    Operation(
        method="POST",
        path="/v1/facts/history/{revision}/rollback",
        name="rollBackFacts",
        summary="Take back what a revision changed, as a new revision",
        callers=_OPERATOR,
        body=Body("RollBackBody", {"reason": "a mistake"}),
        creates=True,
        answers={200: Answer("It is taken back; or what that would come to.", "FactsChanged")},
        problems=_CHANGING,
    ),
)
