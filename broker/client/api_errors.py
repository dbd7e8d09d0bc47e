"""What the broker answered instead of what was asked for (RFC 9457): one class per problem type.

Catch :class:`ApiError` for all of it, a family (:class:`RequestRejectedError`,
:class:`BrokerUnavailableError`, …), or the class whose remedy you know. ``remedy`` says in one
sentence what to do. A code that this version does not know arrives as the class of its status.
"""

from collections.abc import Iterator
from typing import ClassVar, Final

from broker.client.errors import ClientError
from broker.client.problem import Problem, parse_problem


class ApiError(ClientError):
    """The broker refused. ``decision`` lets an operator ask why (``broker explain``)."""

    codes: ClassVar[tuple[str, ...]] = ()
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy: ClassVar[str] = "Read the problem's detail; this client is older than the broker."
    is_temporary: ClassVar[bool] = False
    """Whether the same request may be granted in a moment."""

    def __init__(self, problem: Problem) -> None:
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
    statuses: ClassVar[tuple[int, ...]] = (400, 422)
    remedy = "Mend the member that problem.field names."


class IdempotencyKeyReusedError(RequestRejectedError):
    """The key was used with another body."""

    codes: ClassVar[tuple[str, ...]] = ("idempotency-conflict",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Make a new key for a new request; repeat a request only byte for byte."


class ProofRejectedError(RequestRejectedError):
    """The DPoP proof was refused: it is for another request, too old, or was used before."""

    codes: ClassVar[tuple[str, ...]] = ("invalid-dpop-proof", "invalid_dpop_proof")
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Make a proof for each request; check the base URL and this machine's clock."


class NonceWantedError(ProofRejectedError):
    """The DPoP proof needs a nonce; the client has sent it once more with one, and again not."""

    codes: ClassVar[tuple[str, ...]] = ("use-dpop-nonce", "use_dpop_nonce")
    remedy = "Check the broker's clocks and that all brokers have the same keys; then repeat it."


class ContentTooLargeError(RequestRejectedError):
    """The body is longer than the broker reads."""

    codes: ClassVar[tuple[str, ...]] = ("content-too-large",)
    statuses: ClassVar[tuple[int, ...]] = (413,)
    remedy = "Send less at once; docs/api.md has the bounds."


class UnsupportedMediaTypeError(RequestRejectedError):
    """The body is of a type that the route does not read, or is compressed."""

    codes: ClassVar[tuple[str, ...]] = ("unsupported-media-type",)
    statuses: ClassVar[tuple[int, ...]] = (415,)
    remedy = "Send application/json without Content-Encoding; look for a proxy that changes bodies."


class MethodNotAllowedError(RequestRejectedError):
    """The route exists and does not know the method."""

    codes: ClassVar[tuple[str, ...]] = ("method-not-allowed",)
    statuses: ClassVar[tuple[int, ...]] = (405,)
    remedy = "Bring client and broker to the same version, or mend the base URL."


class ExpectationFailedError(RequestRejectedError):
    """Something between here and the broker has added an ``Expect`` that it does not fulfil."""

    codes: ClassVar[tuple[str, ...]] = ("expectation-failed",)
    statuses: ClassVar[tuple[int, ...]] = (417,)
    remedy = "Take the Expect header out of the proxy before the broker."


class RequestTimedOutError(ApiError):
    """The request did not arrive whole in time; nothing was done."""

    codes: ClassVar[tuple[str, ...]] = ("request-timeout",)
    statuses: ClassVar[tuple[int, ...]] = (408,)
    remedy = "Send it again; look at the network when it happens often."


class UnauthenticatedError(ApiError):
    """The workload token was not accepted."""

    codes: ClassVar[tuple[str, ...]] = ("unauthenticated", "invalid_client", "invalid_token")
    statuses: ClassVar[tuple[int, ...]] = (401,)
    remedy = (
        "Have the token source return a fresh workload token for the broker's own audience; give "
        "the client the key that it is bound to, if it is."
    )


class AccessRefusedError(ApiError):
    """Policy, ownership or a ceiling said no."""

    codes: ClassVar[tuple[str, ...]] = ("access-denied", "access_denied")
    statuses: ClassVar[tuple[int, ...]] = (403,)
    remedy = "Ask for less, or give the decision to an operator (broker explain)."


class BreakGlassStateError(ApiError):
    """The emergency is not in a state in which this can be done, or is not what was agreed to."""

    codes: ClassVar[tuple[str, ...]] = ("break-glass-state",)
    remedy = "Look at it; where it has lapsed or is another thing by now, ask anew."


class AlarmNotDeliveredError(ApiError):
    """Nobody could be told of the emergency, so nothing was opened."""

    codes: ClassVar[tuple[str, ...]] = ("alarm-not-delivered",)
    remedy = "Have an operator bring a receiver of alarms back (broker notify test); ask anew."


class ReviewOwedError(ApiError):
    """Nobody else has looked in time at a former emergency of this person."""

    codes: ClassVar[tuple[str, ...]] = ("break-glass-review-owed",)
    remedy = "Have somebody who had no part in it answer for it, then ask again."


class BindingRequiredError(AccessRefusedError):
    """The credential is only for whoever proves a key, and this request did not, or another's."""

    codes: ClassVar[tuple[str, ...]] = ("binding-required",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Give the client a DpopKey, or a client certificate; renew by the key you issued with."


class EvidenceUsedError(AccessRefusedError):
    """Policy wants a workload token that has not been used for such a request before."""

    codes: ClassVar[tuple[str, ...]] = ("evidence-used",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Have the token source get a fresh workload token for each such request; cache none."


class AbsentError(ApiError):
    """It does not exist, or it is not yours: the two look the same."""

    codes: ClassVar[tuple[str, ...]] = ("not-found",)
    statuses: ClassVar[tuple[int, ...]] = (404,)
    remedy = "Check the id, and that it is this identity's."


class SetChangedError(ApiError):
    """The set is no longer what its digest names; nothing was revoked: look again.

    ``problem.grown`` credentials have come to it, ``problem.shrunk`` live ones have left it.
    """

    codes: ClassVar[tuple[str, ...]] = ("selection-changed",)
    remedy = "Look at the set again, and order under its new digest."


class SetTooLargeError(RequestRejectedError):
    """More is meant than one set may hold: narrow the criteria, or revoke by one selector."""

    codes: ClassVar[tuple[str, ...]] = ("selection-too-large",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Narrow the criteria, or revoke by one selector."


class ChangeRejectedError(RequestRejectedError):
    """A change of the facts cannot be; nothing was changed. ``problem.faults`` has everything."""

    codes: ClassVar[tuple[str, ...]] = ("invalid-change",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Mend what problem.faults names, and send the whole change again under a new key."


class WouldKillManyError(ApiError):
    """The change would end more live credentials than may die unasked; nothing was changed.

    ``problem.deaths`` says how many, ``problem.digest`` which.
    """

    codes: ClassVar[tuple[str, ...]] = ("would-kill-many",)
    remedy = "Look at what would die (dry_run), and send it again with accept=problem.digest."


class SupersededError(ApiError):
    """What the change was made from is no longer what stands; nothing was changed."""

    codes: ClassVar[tuple[str, ...]] = ("superseded",)
    remedy = "Look at what stands now, and make the change anew from that."


class UnknownVersionError(AbsentError):
    """The broker does not speak this version of the API."""

    codes: ClassVar[tuple[str, ...]] = ("unknown-version",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Bring client and broker to the same version, or mend the base URL."


class TaskEndedError(ApiError):
    """The task, or an ancestor of it, has ended."""

    codes: ClassVar[tuple[str, ...]] = ("task-closed",)
    remedy = "Stop the work, or open a new task."


class TaskFrozenError(ApiError):
    """The task, or an ancestor of it, is frozen: what was issued is dead, and nothing is given."""

    codes: ClassVar[tuple[str, ...]] = ("task-frozen",)
    remedy = "Pause until an operator has thawed the task; then ask for new credentials."


class CredentialConflictError(ApiError):
    """The credential does not allow what was asked."""

    codes: ClassVar[tuple[str, ...]] = ("credential",)
    remedy = "Look at the credential; ask for a new one if it is of no more use."


class CredentialEndedError(CredentialConflictError):
    """The credential is revoked, expired or given back."""

    codes: ClassVar[tuple[str, ...]] = ("credential-ended",)
    statuses: ClassVar[tuple[int, ...]] = (410,)
    remedy = "Look whether the task is still open, then ask for a new credential."


class CredentialNotRenewableError(CredentialConflictError):
    """The credential has reached its longest life, or its kind cannot be renewed."""

    codes: ClassVar[tuple[str, ...]] = ("credential-not-renewable",)
    remedy = "Use it until it expires, then ask for a new one."


class QuotaError(ApiError):
    """Too many live credentials."""

    codes: ClassVar[tuple[str, ...]] = ("quota-exceeded",)
    statuses: ClassVar[tuple[int, ...]] = (429,)
    remedy = "Give credentials back, or wait problem.retry_after_seconds."


class TooManyRequestsError(QuotaError):
    """Too many requests of this caller are in flight at once."""

    codes: ClassVar[tuple[str, ...]] = ("too-many-requests",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Wait for the answers to the requests in flight before sending more."
    is_temporary = True


class BrokerFaultError(ApiError):
    """The broker failed by a fault of its own; nothing was granted."""

    codes: ClassVar[tuple[str, ...]] = ("internal", "server_error")
    statuses: ClassVar[tuple[int, ...]] = (500,)
    remedy = "Give the time of the request to an operator: the broker's log has the cause."


class BrokerMisconfiguredError(BrokerFaultError):
    """The broker's configuration cannot be used."""

    codes: ClassVar[tuple[str, ...]] = ("configuration",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Have an operator run broker config check."


class BrokerUnavailableError(ApiError):
    """The broker gives no access now; it may still take it away."""

    codes: ClassVar[tuple[str, ...]] = ("unavailable", "temporarily_unavailable")
    statuses: ClassVar[tuple[int, ...]] = (502, 503, 504)
    remedy = "Repeat it later with the same idempotency key; /readyz says why."
    is_temporary = True


class LedgerUnavailableError(BrokerUnavailableError):
    """The ledger did not answer the broker: a change may or may not have been made."""

    codes: ClassVar[tuple[str, ...]] = ("store-unavailable",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Repeat it later with the same idempotency key; have an operator look at Redis."


class StaleFactsError(BrokerUnavailableError):
    """The facts changed while the broker decided."""

    codes: ClassVar[tuple[str, ...]] = ("stale-facts",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Repeat it at once with the same idempotency key."


class IssuanceFailedError(BrokerUnavailableError):
    """The target did not issue the credential."""

    codes: ClassVar[tuple[str, ...]] = ("issuance-failed",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Repeat it later with the same key; have an operator look at the capability's target."


def classes(root: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    """Yield the root and every class below it."""
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


_CLASSES: Final = tuple(classes())
_BY_CODE: Final = {code: kind for kind in _CLASSES for code in kind.codes}
_BY_STATUS: Final = {status: kind for kind in _CLASSES for status in kind.statuses}


def refusal(status: int, body: bytes, retry_after: str = "") -> ApiError:
    """Read an error answer; whatever the body is, an error of the right family comes back."""
    problem = parse_problem(status, body, retry_after)
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(status, ApiError)
    return kind(problem)
