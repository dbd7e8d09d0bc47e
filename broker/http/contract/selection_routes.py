"""Sets of live credentials that operators pick before they take them away."""

from typing import Final

from broker.http.contract import credential_routes
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    COUNT,
    DIGEST,
    GLOB,
    IDEMPOTENCY_KEY,
    INSTANT,
    MAYBE_INSTANT,
    NAME,
    PAGE,
    STRING,
    TASK_ID,
    URL,
)
from broker.http.contract.schema import (
    Schema,
    described,
    nullable,
    number,
    paged,
    record,
    ref,
)

_CRITERIA: Final[dict[str, Schema]] = {
    "agent": NAME,
    "capability": NAME,
    "issuer": URL,
    "tenant": NAME,
    "task": TASK_ID,
    "task_name": GLOB,
    "data_class": NAME,
    "older_than_seconds": number(1, 366 * 24 * 3600),
}
_COUNTS: Final[Schema] = {"type": "object", "additionalProperties": COUNT}

SCHEMAS: Final = {
    "SelectBody": described(
        record(
            {},
            {
                **{name: nullable(member) for name, member in _CRITERIA.items()},
                "all": {"type": ["boolean", "null"], "enum": [True, None]},
            },
        ),
        "What the credentials have in common, all of it; or `all` alone.",
    ),
    "Selection": record(
        {
            "digest": DIGEST,
            "criteria": record({}, {**_CRITERIA, "all": {"type": "boolean", "const": True}}),
            "count": COUNT,
            "agents": _COUNTS,
            "capabilities": _COUNTS,
            "unreadable": COUNT,
            "taken_at": INSTANT,
            "taken_by": STRING,
            "issued_before": MAYBE_INSTANT,
            "epoch": STRING,
        }
    ),
    "PickedCredential": record(
        {**credential_routes.RECORD, "agent": STRING, "tenant": STRING}, credential_routes.BOUND
    ),
    "PickedPage": paged("credentials", ref("PickedCredential")),
}

_OPERATOR: Final = ("operator",)
_SET: Final = "Selection"
_KEY: Final = described(
    IDEMPOTENCY_KEY,
    "Taken as on every POST, and of no effect: picking ends nothing, and a set is named by what it "
    "holds. A repeat picks what is alive then; with another body it picks another set.",
)

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/selections",
        name="select",
        summary="Pick live credentials, and keep the set for 15 minutes; kills nothing",
        callers=_OPERATOR,
        headers={"Idempotency-Key": _KEY},
        body=Body("SelectBody", {"agent": "invoice-bot"}),
        answers={201: Answer("The set, named by its digest.", _SET, headers=("Location",))},
        problems=("access-denied", "not-found", "selection-too-large"),
    ),
    Operation(
        method="GET",
        path="/v1/selections/{selection}",
        name="showSelection",
        summary="Show a set that is kept",
        callers=_OPERATOR,
        answers={200: Answer("The set.", _SET)},
        problems=("not-found",),
    ),
    Operation(
        method="GET",
        path="/v1/selections/{selection}/credentials",
        name="listSelected",
        summary="List a set's credentials, as they are now",
        callers=_OPERATOR,
        query=PAGE,
        answers={200: Answer("One page.", "PickedPage")},
        problems=("not-found",),
    ),
)
