"""What a script's refusal means, as one table."""

from typing import Final

from broker.errors import (
    AccessDeniedError,
    BrokerError,
    IdempotencyConflictError,
    LeaseEndedError,
    LeaseNotRenewableError,
    NotFoundError,
    QuotaExceededError,
    StaleFactsError,
    StoreUnavailableError,
    TargetBusyError,
    TaskClosedError,
    TaskFrozenError,
    UnavailableError,
)
from broker.store.link import Reply

_REFUSALS: Final[dict[str, BrokerError]] = {
    "absent": NotFoundError("not in the ledger"),
    "cut": TaskClosedError("an operator has cut this off: cut"),
    "stale": StaleFactsError("the decision read older facts than the ledger holds"),
    "clock": UnavailableError("the ledger's clock and this broker's disagree: see /readyz"),
    "full": UnavailableError("the outbox is full: audit or feed shipping lags behind"),
    "conflict": IdempotencyConflictError(
        "the idempotency key was used for another request: use a new key",
        field="Idempotency-Key",
    ),
    "too-short": AccessDeniedError("no-time-left"),
    "not-renewable": LeaseNotRenewableError("renewing would not prolong it"),
    "renewed-since": LeaseNotRenewableError("it was renewed again since: use what that brought"),
    "renewing": TargetBusyError("another renewal of this credential is under way"),
}


def accept(reply: Reply, *, quota: str = "task") -> list[str]:
    """Return the rest of an ``ok`` or ``repeat`` reply.

    Raises:
        BrokerError: the script refused; the class says why.
        StoreUnavailableError: the reply is none of ours.
    """
    if not isinstance(reply, list) or not reply:
        raise StoreUnavailableError(f"unexpected reply of a ledger script: {type(reply).__name__}")
    status = reply[0]
    if status in ("ok", "repeat", "already"):
        return reply
    raise _refusal(status, reply, quota)


def _refusal(status: str, reply: list[str], quota: str) -> BrokerError:
    if status == "closed":
        return _closed(reply[1])
    if status == "quota":
        return QuotaExceededError(quota)
    known = _REFUSALS.get(status)
    if known is None:
        return StoreUnavailableError("unexpected status from a ledger script")
    return type(known)(*known.args, **_members(known))


def _closed(why: str) -> BrokerError:
    match why:
        case "absent":
            return NotFoundError("not in the ledger")
        case "ended" | "expired":
            return LeaseEndedError(f"not alive: {why}")
        case "frozen":
            return TaskFrozenError("the task, or one above it, is frozen")
        case _:
            return TaskClosedError(f"not alive: {why}")


def _members(error: BrokerError) -> dict[str, str]:
    if isinstance(error, IdempotencyConflictError):
        return {"field": error.field}
    return {}
