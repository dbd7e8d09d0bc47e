"""The next token of a credential; or, after its certificate has rotated, the next credential.

A renewal is by the same key (RFC 9449 §5), which a rotated certificate has not: the credential that
is bound to the one before cannot be renewed any more, and lives out its time.
"""

from broker.client.api_errors import BindingRequiredError
from broker.client.credential_calls import CredentialCalls
from broker.client.results import IssuedCredential


class Renewing:
    """Asks for younger tokens of one grant (:class:`broker.client.held.RenewCall`)."""

    def __init__(
        self,
        credentials: CredentialCalls,
        first: IssuedCredential,
        *,
        scopes: tuple[str, ...],
        ttl_seconds: int | None,
    ) -> None:
        self._credentials = credentials
        self._current = first
        self._scopes = scopes
        self._ttl_seconds = ttl_seconds

    async def __call__(self, *, idempotency_key: str) -> IssuedCredential:
        """Return a younger token: of the same credential if that can be."""
        try:
            self._current = await self._credentials.renew(
                self._current.id, ttl_seconds=self._ttl_seconds, idempotency_key=idempotency_key
            )
        except BindingRequiredError:
            if not self._current.certificate_thumbprint:
                raise
            self._current = await self._issued(idempotency_key)
        return self._current

    async def _issued(self, idempotency_key: str) -> IssuedCredential:
        return await self._credentials.issue(
            self._current.task,
            self._current.capability,
            scopes=self._scopes,
            ttl_seconds=self._ttl_seconds,
            idempotency_key=idempotency_key,
        )
