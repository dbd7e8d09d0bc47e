"""Every error the broker raises on purpose, as one tree.

Each class carries a stable ``code``; ``broker.http.problems`` maps classes to HTTP answers in one
table, and a test fails when a class here has no row there. ``str(error)`` is for operators and
logs; what a caller may learn is decided by that table, never here.
"""

from dataclasses import dataclass


class BrokerError(Exception):
    """The root: catch it only at the edges (HTTP middleware, reaper loop, command line)."""

    code = "internal"
    retryable = False


@dataclass(frozen=True, slots=True)
class LocatedFault:
    """One thing that is wrong with the configuration, and where. ``line`` 0 is the whole file."""

    file: str
    line: int
    key: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Write it on one line: ``file:line: key: what - remedy``; no control character passes."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        text = f"{place}:{key} {self.message} \N{EM DASH} {self.remedy}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class ConfigurationError(BrokerError):
    """The configuration cannot be used; it carries every fault found, to show them all at once."""

    code = "configuration"

    def __init__(self, message: str = "", *, faults: tuple[LocatedFault, ...] = ()) -> None:
        super().__init__(message or "\n".join(map(str, faults)))
        self.faults = faults


class InvalidRequestError(BrokerError):
    """The request is malformed. ``field`` names the offending member, the text says the fix."""

    code = "invalid-request"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class InvalidProofError(InvalidRequestError):
    """The DPoP proof is refused (RFC 9449 §4.3): make a new one for each request."""

    code = "invalid-dpop-proof"


class NonceRequiredError(InvalidProofError):
    """The DPoP proof needs the nonce that the answer brings (RFC 9449 §8): make it anew."""

    code = "use-dpop-nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__("make the proof anew, with the nonce in DPoP-Nonce", field="DPoP")
        self.nonce = nonce


class IdempotencyConflictError(InvalidRequestError):
    """The same idempotency key came with another body: use a new key for a new request."""

    code = "idempotency-conflict"


@dataclass(frozen=True, slots=True)
class MemberFault:
    """One thing that is wrong with a change of the facts: the member, and what to do about it."""

    field: str
    detail: str


class InvalidChangeError(InvalidRequestError):
    """A change of the facts cannot be, so nothing was changed; it carries every fault found."""

    code = "invalid-change"

    def __init__(self, faults: tuple[MemberFault, ...]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        super().__init__(f"{first.detail}{more}", field=first.field)
        self.faults = faults


class AttestationError(BrokerError):
    """The evidence was not accepted. All its kinds look alike to the caller.

    ``reason`` is a short stable word for audit and metrics (a closed set, see
    ``broker.attestation.reasons``); the message has the detail for operators. ``claim`` names the
    member of the token that was at fault, where one was.
    """

    code = "unauthenticated"

    def __init__(self, reason: str, message: str = "", *, claim: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.claim = claim


class KeySetUnavailableError(AttestationError):
    """The issuer's keys are missing or too stale, or it gives no word on a token it must review."""

    code = "key-set-unavailable"


class AccessDeniedError(BrokerError):
    """Policy, ownership or a ceiling said no; operators look ``decision_id`` up."""

    code = "access-denied"

    def __init__(self, reason: str, *, decision_id: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.decision_id = decision_id


class BindingRequiredError(AccessDeniedError):
    """The credential is only for whoever proves a key, and this request did not, or another's.

    Send a DPoP proof, or call over TLS with a client certificate; to renew, by the same key.
    """

    code = "binding-required"


class EvidenceUsedError(AccessDeniedError):
    """Policy wants evidence that has not been used before, and this was: show a fresh token."""

    code = "evidence-used"


class NotFoundError(BrokerError):
    """Absent, or not the caller's: the two look the same (I6, I16)."""

    code = "not-found"


class TaskClosedError(BrokerError):
    """The task, or an ancestor of it, has ended: open a new task."""

    code = "task-closed"


class TaskFrozenError(TaskClosedError):
    """The task, or an ancestor of it, is frozen: it gives nothing until an operator thaws it."""

    code = "task-frozen"


class LeaseError(BrokerError):
    """The root of what can be wrong with one credential."""

    code = "credential"


class LeaseEndedError(LeaseError):
    """The credential is revoked, expired or given back: ask for a new one."""

    code = "credential-ended"


class LeaseNotRenewableError(LeaseError):
    """The credential cannot live longer (its first maximum is reached, or its kind forbids it)."""

    code = "credential-not-renewable"


class GlassStateError(BrokerError):
    """An emergency is not in a state in which this can be done, or is not what was agreed to."""

    code = "break-glass-state"


class AlarmFailedError(BrokerError):
    """Nobody could be told of the emergency, so nothing opens: bring a receiver back."""

    code = "alarm-not-delivered"


class ReviewOwedError(BrokerError):
    """A former emergency of this person was not looked at in time: have somebody answer it."""

    code = "break-glass-review-owed"


class QuotaExceededError(BrokerError):
    """Too many live credentials: wait ``retry_after_ms`` or give some back.

    ``scope`` says whose quota it is.
    """

    code = "quota-exceeded"

    def __init__(self, scope: str, *, retry_after_ms: int = 1000) -> None:
        super().__init__(f"quota of live credentials exhausted: {scope}")
        self.scope = scope
        self.retry_after_ms = retry_after_ms


class OperationRefusedError(BrokerError):
    """The root of what only commands beside the brokers meet; no answer over HTTP has it."""

    code = "refused"


class SupersededError(BrokerError):
    """What a change was made from is not what stands any more: look again, and decide anew."""

    code = "superseded"


class KeysPublishedError(OperationRefusedError):
    """There are signing keys already, and a first one cannot be made: rotate them instead."""

    code = "keys-published"

    def __init__(self) -> None:
        super().__init__(
            "signing keys are published already: run `broker keys rotate` for a new one"
        )


class WouldKillManyError(BrokerError):
    """A change would end more live credentials than may die unasked: say that they are meant.

    ``deaths`` credentials would die; ``digest`` names the change, and what dies of whom by it. Of
    ``unsure`` others it cannot be told: the engine gave no answer about them.
    """

    code = "would-kill-many"

    def __init__(self, deaths: int, digest: str, unsure: int = 0) -> None:
        doubt = (
            f", and of {unsure} others it cannot be told: the engine that decides gives no answer"
            if unsure
            else ""
        )
        super().__init__(
            f"{deaths} live credentials would die{doubt}; nothing was changed. If they shall, "
            f"accept {digest}"
        )
        self.unsure = unsure
        self.deaths = deaths
        self.digest = digest


class SelectionChangedError(BrokerError):
    """The set is no longer what its digest names: look at it again, then order with the new digest.

    ``grown`` leases have come to it, ``shrunk`` live ones no longer belong to it.
    """

    code = "selection-changed"

    def __init__(self, grown: int, shrunk: int, *, other_ledger: bool = False) -> None:
        super().__init__(_change(grown, shrunk, other_ledger=other_ledger))
        self.grown = grown
        self.shrunk = shrunk


class SelectionTooLargeError(BrokerError):
    """More leases are meant than one set may hold: narrow the criteria, or order a cut."""

    code = "selection-too-large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"more than {limit} credentials are meant: narrow it down, or revoke by one selector"
        )


class UnavailableError(BrokerError):
    """The broker will not give access now (revoke-only). The message says why; try again later."""

    code = "unavailable"
    retryable = True


class NotYetError(UnavailableError):
    """A change has to wait; each line of the text says for what. Wait for it, or force it.

    For commands beside the brokers; no answer over HTTP has it.
    """


class StoreUnavailableError(UnavailableError):
    """The ledger did not answer.

    A mutation sent before this may or may not have taken effect; repeating it with the same
    operation id is harmless.
    """

    code = "store-unavailable"


class UnreadableRecordError(StoreUnavailableError):
    """A record in the ledger is garbage, or of another type than it must be.

    Repeating does not help before somebody mends or removes it; nothing else is affected.
    """


class StaleFactsError(UnavailableError):
    """The decision read facts older than the ledger's: decide again."""

    code = "stale-facts"


class TooManyFactsError(UnavailableError):
    """More is above one request than may be decided on: relate less, or group what is related.

    Repeating does not help before somebody does.
    """


class IssuanceError(BrokerError):
    """A backend failed to issue; raised ``from`` its :class:`backends.errors.BackendError`."""

    code = "issuance-failed"
    retryable = True


class TargetBusyError(IssuanceError):
    """A target has as much to do as it may, or did not answer lately: nothing was asked of it."""


def _change(grown: int, shrunk: int, *, other_ledger: bool) -> str:
    if other_ledger:
        return "the ledger is another one than the set was taken from: look again"
    said = [f"grown by {grown}"] if grown else []
    said += [f"shrunk by {shrunk} that live on"] if shrunk else []
    return f"the set has changed, nothing was revoked: {' and '.join(said)}; look again"
