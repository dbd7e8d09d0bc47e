"""The published keys of one manifest, together with the private halves that are here.

- What is published is the manifest's, whatever files a replica has: ``jwks()`` is the same at all.
- Only the manifest's active key signs new tokens; a private half counts only when it is the other
  half of the published key, not merely a file of its name.
"""

from collections.abc import Iterable, Mapping

from broker.attestation.jwk import VerificationKey
from broker.errors import UnavailableError
from broker.proof.public_jwk import thumbprint_of
from broker.signing.key import SigningKey
from broker.signing.manifest import KeyState, PublishedKey, read_manifest


class Keyring:
    """Immutable: a new manifest makes a new one. ``number`` is the manifest's."""

    def __init__(
        self,
        keys: Iterable[SigningKey],
        manifest: Iterable[Mapping[str, object]],
        *,
        number: int = 0,
    ) -> None:
        self.number = number
        self._published = {key.kid: key for key in read_manifest(manifest)}
        self._active = next((key for key in self._published.values() if _is_active(key)), None)
        here = {key.kid: key for key in keys}
        # Compared once, here: every token asks for its key, twice.
        self._halves = {kid: _half(key, here.get(kid)) for kid, key in self._published.items()}

    def active(self) -> SigningKey:
        """Return the key that signs new tokens.

        Raises:
            UnavailableError: none is active, or its private half is not here.
        """
        if self._active is None:
            raise UnavailableError("no signing key is active: promote one in the manifest")
        return self._half_of(self._active.kid)

    def by_id(self, kid: str) -> SigningKey:
        """Return a published key, to sign again what it has signed before.

        Raises:
            UnavailableError: it is not published any more, or its private half is not here.
        """
        if kid not in self._published:
            raise UnavailableError(f"signing key {kid} is not in the manifest")
        return self._half_of(kid)

    def halves(self) -> tuple[str, ...]:
        """Name the published keys whose private halves are here."""
        return tuple(kid for kid, half in self._halves.items() if isinstance(half, SigningKey))

    def nonce_keys(self) -> tuple[bytes, ...]:
        """Return what nonces are made of, the active key's first: the same at every replica.

        Those of all published keys, because replicas follow a change of keys one after another.
        """
        here = [half for half in self._halves.values() if isinstance(half, SigningKey)]
        active = "" if self._active is None else self._active.kid
        return tuple(half.nonce_key for half in sorted(here, key=lambda half: half.kid != active))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the JWK Set of all published keys, whatever their state."""
        return {"keys": [dict(key.jwk) for key in self._published.values()]}

    def verifier(self, kid: str) -> VerificationKey | None:
        """Return the public key that verifies what ``kid`` signed, if it is published."""
        published = self._published.get(kid)
        return published.verification if published else None

    def _half_of(self, kid: str) -> SigningKey:
        half = self._halves[kid]
        if isinstance(half, str):
            raise UnavailableError(half)
        return half


def _is_active(key: PublishedKey) -> bool:
    return key.state is KeyState.ACTIVE


def _half(published: PublishedKey, key: SigningKey | None) -> SigningKey | str:
    """Return the private half of a published key, or why there is none."""
    if key is None:
        return f"the private half of signing key {published.kid} is not here"
    if thumbprint_of(key.jwk) != thumbprint_of(published.jwk):
        return f"signing key {published.kid} here is not the published one"
    return key
