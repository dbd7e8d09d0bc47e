"""Our own tokens: signed from a lease's spec and the dates that the ledger has set."""

from typing import Protocol

import msgspec

from backends.access_token import AccessToken, ClaimsOf
from broker.ids import jti
from broker.model.capability import Capability
from broker.model.lease import Lease
from broker.model.requests import IssuedCredential
from broker.secret import Secret
from broker.signing.keyring import Keyring


class KeyringSource(Protocol):
    """Where the current keyring is found: it changes when keys rotate."""

    @property
    def keyring(self) -> Keyring:
        """The keyring of the control record's manifest."""
        ...


class Signer(msgspec.Struct, frozen=True):
    """Which key signs new tokens, and the number of the manifest that says so."""

    key_id: str
    manifest: int


class Minting:
    """Signs access tokens (RFC 9068). The same lease, dates and key give the same bytes."""

    def __init__(self, issuer: str, source: KeyringSource, claims_of: ClaimsOf) -> None:
        self._issuer = issuer
        self._source = source
        self._claims_of = claims_of

    def signer(self) -> Signer:
        """Return the key that new tokens are signed by.

        Raises:
            UnavailableError: its private half is not on this machine.
        """
        keyring = self._source.keyring  # once: it may be another one a moment later
        return Signer(keyring.active().kid, keyring.number)

    def issued(self, lease: Lease, capability: Capability) -> IssuedCredential:
        """Sign it as :meth:`sign` does, and say what it is for."""
        reach = capability.reach_of(lease.spec.scopes)
        return IssuedCredential(lease, self.sign(lease), reach)

    def sign(self, lease: Lease) -> Secret:
        """Sign the generation that a lease is dated as, by the key that its spec names.

        Raises:
            UnavailableError: that key's private half is not on this machine.
        """
        spec = lease.spec
        token = AccessToken(
            issuer=self._issuer,
            audience=spec.audience,
            subject=spec.subject,
            client_id=spec.agent,
            jti=jti(spec.id, lease.generation),
            scopes=spec.scopes,
            issued_at_ms=lease.issued_at_ms,
            expires_at_ms=lease.expires_at_ms,
            task=spec.task,
            path=spec.path,
            agent=spec.agent,
            instance=spec.instance,
            capability=spec.capability,
            tenant=spec.tenant,
            evidence_issuer=spec.evidence_issuer,
            actors=spec.actors,
            confirmation=spec.confirmation.to_claim() if spec.confirmation else None,
        )
        return self._source.keyring.by_id(spec.key_id).sign(self._claims_of(token))
