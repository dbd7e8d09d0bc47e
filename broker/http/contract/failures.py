"""The problems of the contract: which there are, and which every route can raise."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from broker.http import problems
from broker.http.contract.operation import Operation

EVERYWHERE: Final = (
    "invalid-request",
    "expectation-failed",
    "too-many-requests",
    "internal",
    "configuration",
)
"""What any request can meet, whoever sends it."""

ATTESTED: Final = (
    "unauthenticated",
    "invalid-dpop-proof",
    "use-dpop-nonce",
    "unavailable",
    "store-unavailable",
)
"""What any request can meet that says who calls."""

READING: Final = ("request-timeout", "content-too-large", "unsupported-media-type")
"""What any request can meet that brings a body."""

GIVING: Final = (
    "binding-required",
    "access-denied",
    "evidence-used",
    "task-closed",
    "task-frozen",
    "quota-exceeded",
    "stale-facts",
)
"""What giving access can meet."""

NO_ROUTE: Final = ("not-found", "unknown-version", "method-not-allowed")
"""What a request meets that no route is for."""


@cache
def failures() -> Mapping[str, problems.Row]:
    """Return every problem that a caller can meet, by its word."""
    return MappingProxyType({problems.word_of(kind): row for kind, row in problems.TABLE.items()})


def of_operation(operation: Operation) -> tuple[str, ...]:
    """Return the words of everything that a route can answer when it fails."""
    codes = [*EVERYWHERE, *operation.problems]
    if not operation.is_public:
        codes += ATTESTED
    if operation.body is not None:
        codes += READING
    if operation.creates:
        codes.append("idempotency-conflict")
    return tuple(dict.fromkeys(codes))
