"""The OpenID AuthZEN Authorization API 1.0: others ask what we would decide."""

from typing import Final

from broker.evaluations import MAX_EVALUATIONS
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import STRING
from broker.http.contract.schema import Schema, array, described, record, ref
from broker.http.wire_authzen import MAX_ID

_PROPERTIES: Final[Schema] = {
    "type": "object",
    "maxProperties": 64,
    "additionalProperties": True,
}
_WORD: Final = STRING | {"minLength": 1, "maxLength": 256}
_ID: Final = STRING | {"minLength": 1, "maxLength": MAX_ID}


def _open(required: dict[str, Schema], optional: dict[str, Schema]) -> Schema:
    """Make an object whose unknown members are ignored, as the standard wants it."""
    return {**record(required, optional), "additionalProperties": True}


_PARTS: Final = {
    "subject": ref("NamedPart"),
    "action": ref("ActionPart"),
    "resource": ref("NamedPart"),
    "context": _PROPERTIES,
}
_SEMANTICS: Final = ["execute_all", "deny_on_first_deny", "permit_on_first_permit"]

SCHEMAS: Final = {
    "NamedPart": _open({"type": _WORD, "id": _ID}, {"properties": _PROPERTIES}),
    "ActionPart": _open({"name": _WORD}, {"properties": _PROPERTIES}),
    "EvaluationBody": _open(
        {name: part for name, part in _PARTS.items() if name != "context"},
        {"context": _PROPERTIES},
    ),
    "EvaluationItem": _open({}, _PARTS),
    "OptionsPart": _open({}, {"evaluations_semantic": STRING | {"enum": _SEMANTICS}}),
    "EvaluationsBody": _open(
        {},
        {
            **_PARTS,
            "evaluations": array(ref("EvaluationItem"), most=MAX_EVALUATIONS),
            "options": ref("OptionsPart"),
        },
    ),
    "Evaluated": record({"decision": {"type": "boolean"}}, {"context": ref("EvaluatedContext")}),
    "EvaluatedContext": described(
        record(
            {},
            {
                "reason": STRING,
                "credential": record(
                    {
                        "id": STRING,
                        "task": STRING,
                        "agent": STRING,
                        "tenant": STRING,
                        "capability": STRING,
                        "scopes": array(STRING),
                    }
                ),
                "error": record({"status": {"type": "integer"}, "message": STRING}),
                "jit_broker": record(
                    {},
                    {
                        "policies": array(STRING),
                        "obligations": record(
                            {},
                            {
                                "max_ttl_seconds": {"type": "integer", "minimum": 1},
                                "scopes": array(STRING),
                                "binding": STRING | {"enum": ["dpop", "mtls", "any", "none"]},
                                "single_use": {"type": "boolean", "const": True},
                            },
                        ),
                    },
                ),
            },
        ),
        "Why, and under which obligations. A denial is an answer, with status 200.",
    ),
    "EvaluatedAll": {
        "oneOf": [record({"evaluations": array(ref("Evaluated"))}), ref("Evaluated")],
        "description": "In the order of the questions, up to the one that was enough.",
    },
    "AuthZenConfiguration": record(
        {
            "policy_decision_point": STRING,
            "access_evaluation_endpoint": STRING,
            "access_evaluations_endpoint": STRING,
        }
    ),
}

_ASKED: Final = {
    "subject": {"type": "credential", "id": "l_00_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
    "action": {"name": "use", "properties": {"scopes": ["orders:read"]}},
    "resource": {"type": "resource_server", "id": "https://orders.example"},
}

_REQUEST_ID: Final = {
    "X-Request-ID": described(STRING, "Comes back with the answer: up to 256 printable characters.")
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/access/v1/evaluation",
        name="evaluate",
        summary="May this credential, agent or task do this now? (OpenID AuthZEN 1.0)",
        callers=("resource", "operator"),
        headers=_REQUEST_ID,
        body=Body("EvaluationBody", _ASKED),
        answers={200: Answer("Yes or no.", "Evaluated")},
        problems=("access-denied", "unavailable"),
    ),
    Operation(
        method="POST",
        path="/access/v1/evaluations",
        name="evaluateAll",
        summary="The same of several at once",
        callers=("resource", "operator"),
        headers=_REQUEST_ID,
        body=Body("EvaluationsBody", {**_ASKED, "evaluations": [{}]}),
        answers={200: Answer("Yes or no to each.", "EvaluatedAll")},
        problems=("access-denied", "unavailable"),
    ),
    Operation(
        method="GET",
        path="/.well-known/authzen-configuration",
        name="showAuthZenConfiguration",
        summary="Show where others ask what we would decide",
        callers=(),
        answers={200: Answer("The document.", "AuthZenConfiguration")},
    ),
)
