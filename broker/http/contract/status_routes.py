"""How the broker is, and what it promises."""

from typing import Final

from broker.http.contract.operation import Answer, Operation
from broker.http.contract.parts import COUNT, FLAG, STRING
from broker.http.contract.schema import array, record, words

SCHEMAS: Final = {
    "Alive": record({"alive": FLAG}),
    "Readiness": record(
        {
            "ready": FLAG,
            "mode": words("full", "revoke-only", "draining"),
            "durability": STRING,
            "facts": record({"revision": COUNT, "age_ms": {"type": "integer", "minimum": -1}}),
            "reasons": array(record({"what": STRING, "remedy": STRING})),
        }
    ),
    "OpenApi": {
        "type": "object",
        "required": ["openapi", "info", "paths", "components"],
        "properties": {"openapi": {"const": "3.1.0"}},
    },
}


def _public(
    path: str,
    name: str,
    summary: str,
    answers: dict[int, Answer],
    problems: tuple[str, ...] = (),
) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=name,
        summary=summary,
        callers=(),
        answers=answers,
        problems=problems,
    )


OPERATIONS: Final = (
    _public("/healthz", "showHealth", "Tell that it runs", {200: Answer("It runs.", "Alive")}),
    _public(
        "/readyz",
        "showReadiness",
        "Tell whether access can be given",
        {
            200: Answer("It can.", "Readiness"),
            503: Answer("It cannot, and why.", "Readiness"),
        },
    ),
    _public(
        "/metrics",
        "showMetrics",
        "Tell Prometheus",
        {200: Answer("The text format.", media="text/plain")},
    ),
    _public(
        "/v1/openapi.json",
        "showContract",
        "Show this document",
        {200: Answer("OpenAPI 3.1.", "OpenApi")},
    ),
    _public(
        "/problems/{problem}",
        "showProblem",
        "Explain a problem",
        {200: Answer("What it means, who can mend it, and how.", media="text/plain")},
        ("not-found",),
    ),
)
