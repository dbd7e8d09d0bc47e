"""The signing keys as this broker has them: the published manifest, and the private files here.

- What is shown follows the manifest, whatever the files are worth: ``jwks`` is the same everywhere.
- Signing needs the private file of the active key, ours and closed to others, *now*: one that is
  taken away or opened to others while the broker runs ends minting until it is mended.
"""

import asyncio
import dataclasses
import hashlib
from pathlib import Path
from typing import Final

import msgspec

from broker.errors import BrokerError, ConfigurationError, UnavailableError
from broker.gate import Hindrance
from broker.signing.key import SigningKey
from broker.signing.key_files import Fingerprint, fingerprint, key_file, load_keys
from broker.signing.keyring import Keyring
from broker.signing.token_verifier import TokenVerifier
from broker.store.control_record import ControlRecord, PublicKey

_NONE: Final = "no signing keys are published: run `broker keys init`"


@dataclasses.dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked at: a look that finds the same has nothing to do."""

    manifest: int
    keys: tuple[PublicKey, ...]
    files: Fingerprint


@dataclasses.dataclass(frozen=True, slots=True)
class _Loaded:
    """One manifest with its private halves. ``trouble`` says what is wrong with the files."""

    seen: _Seen
    keyring: Keyring
    trouble: str


class KeyState:
    """Follows the manifest of the control record, and the directory of private keys."""

    def __init__(self, directory: Path, *, issuer: str) -> None:
        self._directory = directory
        self._issuer = issuer
        self._loaded: _Loaded | None = None
        self._verifier: TokenVerifier | None = None

    @property
    def keyring(self) -> Keyring:
        """The published keys, with the private halves that are here.

        Raises:
            UnavailableError: none are published.
        """
        if self._loaded is None:
            raise UnavailableError(_NONE)
        return self._loaded.keyring

    @property
    def verifier(self) -> TokenVerifier:
        """The verifier of our own tokens.

        Raises:
            UnavailableError: no keys are published.
        """
        if self._verifier is None:
            raise UnavailableError(_NONE)
        return self._verifier

    async def follow(self, record: ControlRecord) -> Hindrance | None:
        """Take up what is new; return why nothing can be signed, or None."""
        if not record.keys and self._loaded is None:
            return Hindrance("no signing key is published", "run `broker keys init`")
        try:
            # Key files may lie on a disk that hangs: not on the event loop.
            loaded = await asyncio.to_thread(self._look, record)
        except ConfigurationError as error:
            return Hindrance(str(error), "run matching versions; the former keys stay in force")
        if loaded is not self._loaded:
            self._verifier = TokenVerifier(loaded.keyring, issuer=self._issuer)
            self._loaded = loaded
        return self._hindrance(loaded, record)

    def _look(self, record: ControlRecord) -> _Loaded:
        seen = _Seen(record.manifest, record.keys, fingerprint(self._directory))
        if self._loaded is not None and self._loaded.seen == seen:
            return self._loaded
        halves: tuple[SigningKey, ...] = ()
        trouble = ""
        try:
            halves = load_keys(self._directory, {key.kid for key in record.keys})
        except ConfigurationError as error:
            trouble = str(error)
        published = [dataclasses.asdict(key) for key in record.keys]
        return _Loaded(seen, Keyring(halves, published, number=record.manifest), trouble)

    def _hindrance(self, loaded: _Loaded, record: ControlRecord) -> Hindrance | None:
        try:
            loaded.keyring.active()
        except BrokerError as error:
            if loaded.trouble:
                return Hindrance(loaded.trouble, "mend it; the broker goes on by itself")
            return Hindrance(str(error), self._remedy(record))
        return None

    def _remedy(self, record: ControlRecord) -> str:
        active = record.key("active")
        if active is None:
            return "run `broker keys init`"
        return f"bring {key_file(self._directory, active.kid)} here, mode 600, owned by the broker"


def key_set_digest(keyring: Keyring) -> str:
    """Name what is shown: the same digest is the same JWK Set."""
    text = msgspec.json.encode(keyring.jwks(), order="deterministic")
    return hashlib.sha256(text).hexdigest()
