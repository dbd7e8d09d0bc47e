"""The OpenAPI 3.1 document of the contract, for one installation's limits."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from broker.http import problems
from broker.http.contract import (
    agent_routes,
    approval_routes,
    authzen_routes,
    credential_routes,
    end_routes,
    explain_routes,
    fact_routes,
    failures,
    feed_routes,
    finding_routes,
    glass_routes,
    oauth_routes,
    operator_routes,
    parts,
    review_routes,
    revision_routes,
    said_routes,
    selection_routes,
    session_routes,
    signal_routes,
    status_routes,
    task_routes,
)
from broker.http.contract.operation import JSON, Answer, Body, Operation
from broker.http.contract.schema import Configured, Schema, ref
from broker.http.limits import Limits
from broker.proof.nonces import NONCE_HEADER

GROUPS: Final = (
    task_routes,
    said_routes,
    credential_routes,
    approval_routes,
    operator_routes,
    explain_routes,
    selection_routes,
    agent_routes,
    finding_routes,
    signal_routes,
    end_routes,
    fact_routes,
    review_routes,
    glass_routes,
    revision_routes,
    oauth_routes,
    authzen_routes,
    session_routes,
    feed_routes,
    status_routes,
)
"""Every file of the contract that has operations."""

OPERATIONS: Final[tuple[Operation, ...]] = tuple(
    operation for group in GROUPS for operation in group.OPERATIONS
)
SCHEMAS: Final[Mapping[str, Schema]] = {
    name: schema for group in (parts, *GROUPS) for name, schema in group.SCHEMAS.items()
}

_PROBLEM_JSON: Final = "application/problem+json"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")

_HEADERS: Final = {
    "Location": {"schema": {"type": "string"}, "description": "Where what was made is found."},
    "ETag": {"schema": {"type": "string"}, "description": "Names what is shown; for wait."},
    "Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."},
    "WWW-Authenticate": {"schema": {"type": "string"}},
    NONCE_HEADER: {
        "schema": {"type": "string"},
        "description": "The nonce that the next proofs have to hold (RFC 9449 §8), where the "
        "installation requires one. It also comes with other answers to requests with a proof.",
    },
}
_FAILING_HEADERS: Final = {
    400: NONCE_HEADER,
    401: "WWW-Authenticate",
    429: "Retry-After",
    503: "Retry-After",
}

_ABOUT: Final = (
    "Just-in-time, task-scoped credentials for AI agents. Every answer has `Cache-Control: "
    "no-store`. Unknown members and parameters are refused, and those that come twice. Absent and "
    "foreign look the same. HEAD is answered on public paths only; a method that a path does not "
    "have gets 405 with `Allow`."
)


def document(limits: Limits) -> dict[str, object]:
    """Build the document."""
    made = {
        "openapi": "3.1.0",
        "info": {"title": "jit-broker", "version": "1", "description": _ABOUT},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{"workload": []}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "workload": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The caller's own workload token.",
                }
            },
        },
    }
    resolved = _resolved(made, limits)
    assert isinstance(resolved, dict)  # noqa: S101 - as it went in
    return resolved


def _paths() -> dict[str, dict[str, object]]:
    paths: dict[str, dict[str, object]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method.lower()] = _operation(operation)
    return dict(paths)


def _operation(operation: Operation) -> dict[str, object]:
    shown: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_parameters(operation)],
        "responses": {
            **{str(status): _answer(answer) for status, answer in operation.answers.items()},
            **_failures(operation),
        },
    }
    if operation.body is not None:
        shown["requestBody"] = _body(operation.body)
    if operation.is_public:
        return shown | {"security": list[object]()}
    return shown | {"x-callers": operation.callers}


def _parameters(operation: Operation) -> Iterable[dict[str, object]]:
    for name in _PARAMETER.findall(operation.path):
        yield _parameter("path", name, parts.PATH[name], is_required=True)
    for name, schema in operation.query.items():
        yield _parameter("query", name, schema, is_required=name in operation.required_query)
    for name, schema in operation.headers.items():
        yield _parameter("header", name, schema)
    if operation.creates:
        yield _parameter("header", "Idempotency-Key", parts.IDEMPOTENCY_KEY)


def _parameter(
    place: str, name: str, schema: Schema, *, is_required: bool = False
) -> dict[str, object]:
    return {"in": place, "name": name, "required": is_required, "schema": schema}


def _body(body: Body) -> dict[str, object]:
    content = {"schema": ref(body.schema), "example": body.example}
    return {"required": body.is_required, "content": {body.media: content}}


def _answer(answer: Answer) -> dict[str, object]:
    shown: dict[str, object] = {"description": answer.summary}
    if answer.headers:
        shown["headers"] = {name: _HEADERS[name] for name in answer.headers}
    if answer.media:
        content = ref(answer.schema) if answer.schema else {"type": "string"}
        shown["content"] = {answer.media: {"schema": content}}
    return shown


def _failures(operation: Operation) -> dict[str, object]:
    rows = failures.failures()
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in failures.of_operation(operation):
        by_status[rows[code].status].append(code)
    return {
        str(status): _failure(operation, status, codes)
        for status, codes in sorted(by_status.items())
    }


def _failure(operation: Operation, status: int, codes: list[str]) -> dict[str, object]:
    """Describe one status that failures have; a success of that status keeps its own content."""
    rows = failures.failures()
    answer = operation.answers.get(status)
    content = {_PROBLEM_JSON: {"schema": _problem(status, codes)}}
    if operation.speaks_oauth:
        words = sorted({rows[code].oauth for code in codes})
        oauth = ref("OAuthError") | {"properties": {"error": {"enum": words}}}
        content[JSON] = {"schema": oauth}
    if answer is not None:
        content[answer.media] = {"schema": ref(answer.schema)}
    shown: dict[str, object] = {
        "description": "; ".join(dict.fromkeys(rows[code].title for code in codes)),
        "content": content,
    }
    header = _FAILING_HEADERS.get(status)
    if header == NONCE_HEADER and "use-dpop-nonce" not in codes:
        header = None
    return shown | ({"headers": {header: _HEADERS[header]}} if header else {})


def _problem(status: int, codes: list[str]) -> Schema:
    types = [problems.TYPE_BASE + code for code in codes]
    return ref("Problem") | {"properties": {"type": {"enum": types}, "status": {"const": status}}}


def _resolved(value: object, limits: Limits) -> object:
    """Put an installation's numbers in."""
    match value:
        case Configured():
            return getattr(limits, value)
        case dict():
            return {key: _resolved(member, limits) for key, member in value.items()}
        case list() | tuple():
            return [_resolved(member, limits) for member in value]
        case _:
            return value
