"""Why a resource server refuses a request, as one small tree.

``str(error)`` is for the operator's log. What the caller learns is the class's ``status`` and
``error`` (RFC 6750 §3.1) and its ``advice``, which says what to do and is the same for every token
of that class: nothing in it depends on the token.
"""

from typing import ClassVar


class ClientError(Exception):
    """The root of everything that :mod:`broker.client` raises on purpose."""

    remedy: ClassVar[str] = ""
    """What to do about it, in one sentence."""


class BrokerUnreachableError(ClientError):
    """No answer came. The subclass says whether the broker can have acted."""

    remedy = "Check the broker's address and the network, then repeat it."


class NotSentError(BrokerUnreachableError):
    """The request never left: refused, unknown host, no TLS, or too slow to connect.

    Nothing has happened, so repeating is always safe.
    """

    remedy = "Check the broker's address, its certificate and the network; nothing was done."


class ReplyLostError(BrokerUnreachableError):
    """The request may have arrived, and its answer did not.

    Whether the broker acted is unknown.
    """

    remedy = "Repeat it with the same idempotency key, or look what has become of it."


class TokenSourceError(ClientError):
    """The caller's own workload token could not be had."""

    remedy = "Mend the token source: it must return a workload token that is good now."


class SpiffeNotInstalledError(TokenSourceError):
    """A source was made that asks the Workload API, and the package that speaks it is missing."""

    remedy = "Install it: pip install 'jit-broker[spiffe]'."


class WorkloadApiError(TokenSourceError):
    """The SPIFFE Workload API gave this workload no SVID.

    It is not there, did not answer in time, or does not know the workload.
    """

    remedy = (
        "Check that the SPIFFE agent runs, that SPIFFE_ENDPOINT_SOCKET names its socket "
        "(unix:///path), and that this workload is registered there."
    )


class BrokerAnswerError(ClientError):
    """What answered does not speak the broker's API."""

    remedy = "Check the base URL and what stands between here and the broker."


class ForkedError(ClientError):
    """The process has forked since the client was made; its connections belong to the parent."""

    remedy = "Make a client of its own in the child process, after the fork."


class WrongLoopError(ClientError):
    """The client belongs to another event loop or thread than the one that uses it now."""

    remedy = "Make one client per event loop, or use SyncBrokerClient from threads."


class ClosedError(ClientError):
    """The client was closed, or the interpreter is ending."""

    remedy = "Use the client within its with block."


class TaskLostError(ClientError):
    """The task of this block was ended by somebody else, or by its own timeouts.

    All its credentials are dead; what the block did after that was done without them.
    """

    remedy = "Stop the work; have the orchestrator open a new task if it is still wanted."


class CredentialExpiredError(ClientError):
    """The credential has expired and could not be renewed."""

    remedy = "Look whether the task is still open, then ask for a new credential."


class NoTokenError(ClientError):
    """The credential lives at a target of its own, and no header carries it."""

    remedy = "Use its words: secret()."


class KeyNeededError(ClientError):
    """The credential is bound to a key: its token alone, without a proof for the request, is none.

    Also when the key is not here, or is another one than the credential's.
    """

    remedy = "Ask for headers(method, url) of a client made with the agent's key, for each request."


class FollowedTooLongError(ClientError):
    """What was waited for did not come within the given time; it may still come."""

    remedy = "Wait longer, or look at the last state that the error carries."


class WebhookRefusedError(ClientError):
    """What came to a receiver of webhooks is no message of the broker, or is none of now."""

    remedy = "Answer 401; check the secret that is shared with the broker, and both clocks."


class GuardMissingError(ClientError):
    """A handler's condition cannot be judged: no guard has verified anybody, so it stays closed.

    Put :func:`broker.client.bearer` (aiohttp) or :class:`broker.client.BearerGuard` (ASGI) before
    it, and do not mark the route public; call what a :class:`broker.client.CallGuard` guards within
    its ``using`` block.
    """

    remedy = "Put the guard before the route, or call within guard.using(verifier)."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or "no guard has verified a token here, or its request is over")


class RefusalError(ClientError):
    """The root of what :mod:`broker.client.middleware` turns into an answer."""

    status: ClassVar[int] = 401
    error: ClassVar[str] = "invalid_token"
    advice: ClassVar[str] = "Ask the broker for a new token."
    retry_after_seconds: ClassVar[int] = 0
    scheme: ClassVar[str] = "Bearer"
    """How the challenge asks for a token."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.advice)


class TokenMissingError(RefusalError):
    """No bearer token came with the request. RFC 6750 §3.1: then no error code is shown."""

    error = ""
    advice = "Send a token of the broker as 'Authorization: Bearer <token>'."


class AuthorizationMalformedError(RefusalError):
    """Two tokens, a token in the URL, or a header that is no bearer credential."""

    status = 400
    error = "invalid_request"
    advice = "Send exactly one 'Authorization: Bearer <token>' header and no token in the URL."


class VerificationError(RefusalError):
    """The root of what :meth:`broker.client.verifier.Verifier.verify` raises."""


class TokenMalformedError(VerificationError):
    """The text is no access token of the broker: it is too long, not strict, or lacks a claim."""

    advice = "Send the broker's access token exactly as the broker delivered it."


class TokenUntrustedError(VerificationError):
    """Another type, issuer, audience, algorithm or key. All of them look alike to the caller."""

    advice = "Send an access token that the broker issued for this resource server."


class TokenExpiredError(VerificationError):
    """The token is past its ``exp``."""

    advice = "The token has expired: renew the credential or ask for a new one."


class TokenRevokedError(VerificationError):
    """The credential, its task, an ancestor of it, or everything of its kind was taken away."""

    advice = "The credential was revoked: do not use it again; open a new task if you still may."


class KeyUnprovenError(VerificationError):
    """The token is bound to a key that this request does not prove, or is shown as if it were.

    Also where this server cannot check proofs: give :class:`broker.client.Possession` its URL.
    """

    advice = (
        "The token is bound to a key: show it as 'Authorization: DPoP' with a proof, "
        "or over TLS with its certificate; an unbound one as Bearer."
    )
    scheme = "DPoP"


class CertificateUnprovenError(KeyUnprovenError):
    """The token is bound to a client certificate, and this server was handed none, or another one.

    Where TLS ends before this server, or the server hands no certificates over (ASGI's TLS
    extension), no such token is good here.
    """

    advice = (
        "The token is bound to a client certificate: send it as Bearer over TLS with that "
        "certificate, to a server that sees it."
    )
    scheme = "Bearer"


class ProofRefusedError(VerificationError):
    """The DPoP proof is none, or for another request, key, token or time, or was used before."""

    error = "invalid_dpop_proof"
    advice = "Send one DPoP proof, made anew for this very request and this token."
    scheme = "DPoP"


class NonceMissingError(ProofRefusedError):
    """The DPoP proof needs the nonce that the answer brings (RFC 9449 §9)."""

    error = "use_dpop_nonce"
    advice = "Make the proof anew, with the nonce in DPoP-Nonce, and send the request once more."

    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.nonce = nonce


class ScopeMissingError(VerificationError):
    """The token is good and does not reach this far. ``scopes`` is what the request needs."""

    status = 403
    error = "insufficient_scope"
    advice = "Ask the broker for a credential with the scopes that this request needs."

    def __init__(self, scopes: frozenset[str]) -> None:
        super().__init__("missing scope: " + " ".join(sorted(scopes)))
        self.scopes = scopes


class TaskMismatchError(VerificationError):
    """The token is good and belongs to another task than the one that may touch this resource."""

    status = 403
    error = "insufficient_scope"
    advice = "Use a credential of the task that this resource belongs to."


class CapabilityMismatchError(VerificationError):
    """The token is good and was granted for another capability than the one asked for here."""

    status = 403
    error = "insufficient_scope"
    advice = "Ask the broker for a credential of the capability that this request needs."


class TenantMismatchError(VerificationError):
    """The token is good and belongs to another tenant than this resource."""

    status = 403
    error = "insufficient_scope"
    advice = "Use a credential of the tenant that this resource belongs to."


class CannotVerifyError(VerificationError):
    """The root of the failures that are this server's, not the token's. Nothing is let in (I5).

    The answer is 503, not 401: whoever sent the token may keep it and come again.
    """

    status = 503
    error = "temporarily_unavailable"
    advice = "This server cannot tell whether the token is alive: try again shortly."
    retry_after_seconds = 1


class ViewStaleError(CannotVerifyError):
    """The deny set is incomplete or older than its bound: restore the connection to the feed."""


class KeysUnavailableError(CannotVerifyError):
    """The broker's keys are missing or older than allowed: restore the connection to the JWKS."""


class IntrospectionUnavailableError(CannotVerifyError):
    """The broker did not answer the introspection.

    Restore the connection, or check the workload token of this resource server.
    """


class VerifierNotOpenError(CannotVerifyError):
    """The application has not started yet, or has shut down: its verifier is not open.

    Serve it with a server that runs the lifespan, or hand over a verifier that is open.
    """
