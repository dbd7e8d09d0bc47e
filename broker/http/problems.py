"""The one table from errors to HTTP answers: RFC 9457 problems, and OAuth errors on ``/oauth/*``.

A caller learns the status, a constant title and a constant detail; ``str(error)`` only where the
row says so. The row is found along the error's MRO, so a new class below a listed one is covered
by it, and whatever is not ours is a bare 500. Nothing of a request id is in a body: absent and
foreign must be the same bytes (I6).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec
from aiohttp import web

from broker import errors
from broker.http import refusals
from broker.proof.dpop import PROOF_ALGORITHMS
from broker.proof.nonces import NONCE_HEADER

TYPE_BASE: Final = "https://jit-broker.example/problems/"
"""How every ``type`` begins: the same at every installation, so that a client can branch on it."""

PAGES: Final = "/problems/"
"""Where each broker explains them; a ``Link`` header of every problem leads there."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one class of errors looks from outside.

    ``detail`` is what every caller may read; ``shows_text`` puts ``str(error)`` in its place.
    ``oauth`` is the error code on ``/oauth/*`` (RFC 6749 §5.2, RFC 6750 §3.1).
    """

    status: int
    title: str
    detail: str
    oauth: str = "invalid_request"
    shows_text: bool = False


_INVALID: Final = Row(
    400, "Invalid request", "The request is malformed.", shows_text=True, oauth="invalid_request"
)
_INTERNAL: Final = Row(
    500, "Internal error", "The broker failed; nothing was granted.", oauth="server_error"
)
_LATER: Final = Row(
    503,
    "Unavailable",
    "The broker gives no access now; /readyz says why. Try again later.",
    oauth="temporarily_unavailable",
)

TABLE: Final[Mapping[type[Exception], Row]] = MappingProxyType(
    {
        Exception: _INTERNAL,
        errors.BrokerError: _INTERNAL,
        errors.ConfigurationError: _INTERNAL,
        errors.InvalidRequestError: _INVALID,
        errors.InvalidChangeError: Row(400, "Invalid change", "", shows_text=True),
        errors.InvalidProofError: Row(
            400, "Invalid DPoP proof", "", shows_text=True, oauth="invalid_dpop_proof"
        ),
        errors.NonceRequiredError: Row(
            400, "DPoP nonce required", "", shows_text=True, oauth="use_dpop_nonce"
        ),
        errors.IdempotencyConflictError: Row(422, "Idempotency key reused", "", shows_text=True),
        errors.AttestationError: Row(
            401,
            "Not authenticated",
            "Send one valid workload token as 'Authorization: Bearer'.",
            oauth="invalid_client",
        ),
        errors.AccessDeniedError: Row(
            403,
            "Access denied",
            "This is refused to this caller.",
            oauth="access_denied",
        ),
        errors.BindingRequiredError: Row(
            403,
            "Binding required",
            "This credential is bound to a key: send a DPoP proof, or call with your client "
            "certificate; renew it by the same key.",
            oauth="access_denied",
        ),
        errors.EvidenceUsedError: Row(
            403,
            "Evidence used",
            "This wants evidence that was not used before: ask again with a fresh workload token.",
            oauth="access_denied",
        ),
        errors.NotFoundError: Row(404, "Not found", "There is no such thing for this caller."),
        errors.TaskClosedError: Row(
            409, "Task closed", "The task, or an ancestor of it, has ended: open a new task."
        ),
        errors.TaskFrozenError: Row(
            409,
            "Task frozen",
            "The task, or an ancestor of it, is frozen: wait until an operator thaws it, then ask "
            "for new credentials.",
        ),
        errors.LeaseError: Row(409, "Credential conflict", "The credential does not allow this."),
        errors.LeaseEndedError: Row(
            410, "Credential ended", "The credential has ended: ask for a new one."
        ),
        errors.LeaseNotRenewableError: Row(
            409, "Credential not renewable", "It cannot live longer: ask for a new one."
        ),
        errors.GlassStateError: Row(409, "Break-glass state", "", shows_text=True),
        errors.AlarmFailedError: Row(
            503, "Alarm not delivered", "Nobody could be told, so nothing opens: ask again."
        ),
        errors.ReviewOwedError: Row(409, "Review owed", "", shows_text=True),
        errors.QuotaExceededError: Row(429, "Quota exceeded", "", shows_text=True),
        errors.SelectionChangedError: Row(409, "Selection changed", "", shows_text=True),
        errors.SelectionTooLargeError: Row(422, "Selection too large", "", shows_text=True),
        errors.SupersededError: Row(409, "Superseded", "", shows_text=True),
        errors.WouldKillManyError: Row(409, "Would kill many", "", shows_text=True),
        errors.UnavailableError: _LATER,
        errors.StoreUnavailableError: _LATER,
        errors.StaleFactsError: _LATER,
        errors.IssuanceError: Row(502, "Issuance failed", "", shows_text=True),
        refusals.ContentTooLargeError: Row(413, "Content too large", "", shows_text=True),
        refusals.UnsupportedMediaTypeError: Row(415, "Unsupported media type", "", shows_text=True),
        refusals.RequestTimeoutError: Row(408, "Request timeout", "", shows_text=True),
        refusals.ExpectationFailedError: Row(417, "Expectation failed", "", shows_text=True),
        refusals.MethodNotAllowedError: Row(
            405, "Method not allowed", "Use a method that the Allow header names."
        ),
        refusals.UnknownVersionError: Row(
            404, "Unknown version", "This broker speaks /v1/: /v1/openapi.json lists its routes."
        ),
        refusals.TooManyRequestsError: Row(
            429, "Too many requests", "Wait for the answers to the requests in flight."
        ),
    }
)

_CLOSING: Final = frozenset({408, 413})
"""After these the rest of the body is not worth reading."""


def row_of(kind: type[BaseException]) -> Row:
    """Find the row of an error class along its MRO."""
    return next((TABLE[base] for base in kind.__mro__ if base in TABLE), _INTERNAL)


def answer(error: Exception, *, is_oauth: bool = False) -> web.Response:
    """Turn an error into the answer that its caller gets."""
    row = row_of(type(error))
    body = _oauth(error, row) if is_oauth else _problem(error, row)
    response = web.Response(
        status=row.status,
        body=msgspec.json.encode(body),
        content_type="application/json" if is_oauth else "application/problem+json",
        headers=_headers(error) | {"Link": f'<{PAGES}{word_of(type(error))}>; rel="help"'},
    )
    if row.status in _CLOSING:
        response.force_close()
    return response


def code_of(error: Exception) -> str:
    """Return the stable word for an error, as callers may see it."""
    return word_of(type(error))


def word_of(kind: type[Exception]) -> str:
    """Return the stable word for a class of errors."""
    if issubclass(kind, errors.AttestationError):
        return errors.AttestationError.code  # its subclasses must not be told apart
    if issubclass(kind, errors.OperationRefusedError):
        return errors.BrokerError.code  # no answer over HTTP has it
    return kind.code if issubclass(kind, errors.BrokerError) else errors.BrokerError.code


def _detail(error: Exception, row: Row) -> str:
    is_plain = row is TABLE[errors.AccessDeniedError]
    if is_plain and isinstance(error, errors.AccessDeniedError) and error.decision_id:
        return "This is refused; an operator can look the decision up."
    return str(error) if row.shows_text else row.detail


def _problem(error: Exception, row: Row) -> dict[str, object]:
    body: dict[str, object] = {
        "type": TYPE_BASE + code_of(error),
        "title": row.title,
        "status": row.status,
        "detail": _detail(error, row),
    }
    if isinstance(error, errors.InvalidRequestError) and error.field:
        body["field"] = error.field
    if isinstance(error, errors.AccessDeniedError) and error.decision_id:
        body["decision"] = error.decision_id
    if isinstance(error, errors.NonceRequiredError):
        body["error"] = row.oauth  # RFC 9449 §8: what client libraries look for
    if isinstance(error, errors.SelectionChangedError):
        body |= {"grown": error.grown, "shrunk": error.shrunk}
    if isinstance(error, errors.InvalidChangeError):
        body["faults"] = [{"field": each.field, "detail": each.detail} for each in error.faults]
    if isinstance(error, errors.WouldKillManyError):
        body |= {"deaths": error.deaths, "unsure": error.unsure, "digest": error.digest}
    return body


def _oauth(error: Exception, row: Row) -> dict[str, object]:
    text = _detail(error, row).replace('"', "'").replace("\\", "/")
    printable = text.encode("ascii", "replace").decode()  # RFC 6749 §5.2 bounds the charset
    return {"error": row.oauth, "error_description": printable}


CHALLENGE: Final = f'Bearer, DPoP algs="{" ".join(PROOF_ALGORITHMS)}"'
"""Both ways to show a workload token (RFC 9449 §7.2), whatever was wrong with this one."""


def _headers(error: Exception) -> dict[str, str]:
    match error:
        case errors.AttestationError():
            return {"WWW-Authenticate": CHALLENGE}
        case errors.NonceRequiredError(nonce=nonce):
            return {NONCE_HEADER: nonce}
        case errors.QuotaExceededError(retry_after_ms=wait_ms):
            return {"Retry-After": str(max(1, math.ceil(wait_ms / 1000)))}
        case refusals.MethodNotAllowedError(allowed=allowed):
            return {"Allow": allowed}
        case errors.BrokerError(retryable=True):
            return {"Retry-After": "1"}
        case _:
            return {}
