"""Kubernetes ``TokenReview`` (authentication.k8s.io/v1): whether a token's pod still exists.

- Our audience is asked for, and must be among those that the API server confirms: one that knows
  nothing of audiences confirms none.
- Account, its uid and the pod's uid must be those of the verified token: the answer is about this
  bearer and nobody else.
- Anything but a clear yes is a refusal. An API server that fails, hangs or lies costs its own
  tokens' acceptance: at most a few requests wait for it, none longer than the bound, and for a
  moment after a failure it is not asked at all.
- The token goes to the declared server, over TLS, and nowhere else.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import ClientSession

from broker import strict_json
from broker.attestation.claim_path import find
from broker.attestation.claims import SignedClaims
from broker.attestation.compact import UnverifiedToken
from broker.attestation.declared_review import TokenReviewDeclaration
from broker.attestation.keyset import MAX_DOCUMENT_BYTES
from broker.attestation.reasons import Reason
from broker.attestation.url_reader import Access, KeySourceError, UrlReader
from broker.clock import Clock
from broker.errors import AttestationError, InvalidRequestError, KeySetUnavailableError

_PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_AT_ONCE: Final = 16
"""Reviews under way; more wait, within the same bound of time."""
_PAUSE_MS: Final = 1_000
"""How long an API server that failed is left alone."""
_POD_UID: Final = "/extra/authentication.kubernetes.io~1pod-uid"


class TokenReview:
    """The reviewer of one cluster's tokens."""

    def __init__(
        self, session: ClientSession, declared: TokenReviewDeclaration, audience: str, clock: Clock
    ) -> None:
        access = Access(declared.ca_file, declared.token_file)
        self._timeout_s = declared.timeout_seconds
        self._reader = UrlReader(session, timeout_ms=declared.timeout_seconds * 1000, access=access)
        self._url = declared.url.rstrip("/") + _PATH
        self._audience = audience
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._failed_ms: int | None = None

    async def review(self, token: UnverifiedToken, claims: SignedClaims) -> None:
        """Ask the API server.

        Raises:
            AttestationError: ``review-refused``: it does not know the token, or means another.
            KeySetUnavailableError: ``review-unavailable``: it gave no answer that can be read.
        """
        status = await self._ask(token)
        if status.get("authenticated") is not True:
            raise _refused("the API server does not accept the token")
        audiences = status.get("audiences")
        if not isinstance(audiences, list) or self._audience not in audiences:
            raise _refused("the API server does not confirm the audience")
        _compare(status.get("user"), claims)

    def _check_rest(self) -> None:
        failed_ms = self._failed_ms
        if failed_ms is not None and self._clock.monotonic_ms() - failed_ms < _PAUSE_MS:
            raise _unavailable("the API server failed a moment ago")

    async def _ask(self, token: UnverifiedToken) -> Mapping[str, object]:
        body = msgspec.json.encode(
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": token.text.reveal(), "audiences": [self._audience]},
            }
        )
        self._check_rest()
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                self._check_rest()  # who waited for a place may have waited for a failure
                status = _status(await self._reader.post(self._url, body))
        except (KeySourceError, InvalidRequestError, TimeoutError) as error:
            self._failed_ms = self._clock.monotonic_ms()
            raise _unavailable(str(error) or "no answer in time") from error
        self._failed_ms = None
        return status


def _status(document: bytes) -> Mapping[str, object]:
    answer = strict_json.loads_object(document, max_bytes=MAX_DOCUMENT_BYTES, field="TokenReview")
    status = answer.get("status")
    if answer.get("kind") != "TokenReview" or not isinstance(status, Mapping):
        raise InvalidRequestError("no TokenReview with a status", field="TokenReview")
    return status


def _compare(user: object, claims: SignedClaims) -> None:
    """Check that the answer speaks of the bearer of these claims."""
    said = user if isinstance(user, Mapping) else {}
    pairs = {
        "username": (said.get("username"), claims.get("sub")),
        "uid": (said.get("uid"), find(claims, "/kubernetes.io/serviceaccount/uid")),
        "pod uid": (find(said, _POD_UID), [find(claims, "/kubernetes.io/pod/uid")]),
    }
    for name, (theirs, ours) in pairs.items():
        if theirs != ours or ours in (None, [None]):
            raise _refused(f"the API server's {name} is another")


def _refused(message: str) -> AttestationError:
    return AttestationError(Reason.REVIEW_REFUSED, message)


def _unavailable(message: str) -> KeySetUnavailableError:
    return KeySetUnavailableError(Reason.REVIEW_UNAVAILABLE, f"no review: {message}")
