"""What the broker answered instead of what was asked for (RFC 9457), as one tree.

Catch :class:`ApiError` for all of it, or the subclass whose remedy you know. A code that this
version does not know arrives as the class of its status.
"""

from typing import ClassVar, Final

import msgspec

from broker import strict_json
from broker.client.endpoint import MAX_ANSWER_BYTES
from broker.client.errors import ClientError
from broker.errors import InvalidRequestError


class ApiError(ClientError):
    """The broker refused. ``decision`` lets an operator ask why (``broker explain``)."""

    codes: ClassVar[tuple[str, ...]] = ()
    statuses: ClassVar[tuple[int, ...]] = ()

    def __init__(self, problem: "Problem") -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail or problem.title}")
        self.problem = problem

    @property
    def code(self) -> str:
        """The stable word for what went wrong."""
        return self.problem.code

    @property
    def decision(self) -> str:
        """The decision behind a refusal; empty when there was none."""
        return self.problem.decision


class RequestRejectedError(ApiError):
    """The request is malformed: ``problem.field`` names the member to mend."""

    codes: ClassVar[tuple[str, ...]] = ("invalid-request", "invalid_request")
    statuses: ClassVar[tuple[int, ...]] = (400, 413, 415, 422)


class IdempotencyKeyReusedError(RequestRejectedError):
    """The key was used with another body: make a new key for a new request."""

    codes = ("idempotency-conflict",)
    statuses = ()


class UnauthenticatedError(ApiError):
    """The workload token was not accepted: check the token source."""

    codes = ("unauthenticated", "invalid_client", "invalid_token")
    statuses = (401,)


class AccessRefusedError(ApiError):
    """Policy, ownership or a ceiling said no: ask for less, or have an operator explain it."""

    codes = ("access-denied",)
    statuses = (403,)


class AbsentError(ApiError):
    """It does not exist, or it is not yours: the two look the same."""

    codes = ("not-found",)
    statuses = (404, 410)


class SetChangedError(ApiError):
    """The set is no longer what its digest names; nothing was revoked: look again.

    ``problem.grown`` credentials have come to it, ``problem.shrunk`` live ones have left it.
    """

    codes = ("selection-changed",)


class SetTooLargeError(RequestRejectedError):
    """More is meant than one set may hold: narrow the criteria, or revoke by one selector."""

    codes = ("selection-too-large",)
    statuses = ()


class TaskEndedError(ApiError):
    """The task, or an ancestor of it, has ended: open a new one."""

    codes = ("task-closed",)


class CredentialEndedError(ApiError):
    """The credential is revoked, expired or given back: ask for a new one."""

    codes = ("credential-ended",)


class CredentialNotRenewableError(ApiError):
    """The credential has reached its longest life: ask for a new one."""

    codes = ("credential-not-renewable",)


class QuotaError(ApiError):
    """Too many live credentials: give some back, or wait ``problem.retry_after_seconds``."""

    codes = ("quota-exceeded",)
    statuses = (429,)


class BrokerUnavailableError(ApiError):
    """The broker gives no access now (it may still take it away): try again later."""

    codes = ("unavailable", "store-unavailable", "stale-facts", "issuance-failed")
    statuses = (502, 503, 504)


_CLASSES: Final[tuple[type[ApiError], ...]] = (
    RequestRejectedError,
    IdempotencyKeyReusedError,
    UnauthenticatedError,
    AccessRefusedError,
    AbsentError,
    SetChangedError,
    SetTooLargeError,
    TaskEndedError,
    CredentialEndedError,
    CredentialNotRenewableError,
    QuotaError,
    BrokerUnavailableError,
)
_BY_CODE: Final = {code: kind for kind in _CLASSES for code in kind.codes}
_BY_STATUS: Final = {status: kind for kind in _CLASSES for status in kind.statuses}


class Problem(msgspec.Struct, frozen=True):
    """What the broker said, as far as it can be read; ``status`` is the HTTP answer's own."""

    status: int = 0
    code: str = ""
    title: str = ""
    detail: str = ""
    field: str = ""
    decision: str = ""
    retry_after_seconds: int = 0
    grown: int = 0
    shrunk: int = 0


class _WireProblem(msgspec.Struct, frozen=True):
    type: str = ""
    title: str = ""
    detail: str = ""
    field: str = ""
    decision: str = ""
    grown: int = 0
    shrunk: int = 0
    error: str = ""
    error_description: str = ""


def refusal(status: int, body: bytes, retry_after: str = "") -> ApiError:
    """Read an error answer; whatever the body is, an error of the right family comes back."""
    wire = _read(body)
    problem = Problem(
        status=status,
        code=wire.error or wire.type.rpartition("/")[2],
        title=wire.title,
        detail=wire.detail or wire.error_description,
        field=wire.field,
        decision=wire.decision,
        retry_after_seconds=int(retry_after) if retry_after.isdecimal() else 0,
        grown=wire.grown,
        shrunk=wire.shrunk,
    )
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(status, ApiError)
    return kind(problem)


def _read(body: bytes) -> _WireProblem:
    try:
        document = strict_json.loads(body, max_bytes=MAX_ANSWER_BYTES)
        return msgspec.convert(document, _WireProblem)
    except (InvalidRequestError, msgspec.ValidationError):
        return _WireProblem(title="the answer is no problem document")
