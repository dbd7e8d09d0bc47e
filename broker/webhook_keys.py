"""What a webhook is verified with: shared secrets, and public keys (Standard Webhooks 1.0).

A secret is ``whsec_…`` (signatures ``v1``), a public key ``whpk_…`` (Ed25519, signatures ``v1a``).
Whoever holds only the public key can check a message and make none.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.secret import Secret
from broker.webhook_signing import MOST_SIGNATURES, PREFIX, is_signed, parse_secret

PUBLIC_PREFIX: Final = "whpk_"
MOST_KEYS: Final = 2
"""In one file: the one that counts, and the former while it is being changed."""

_MAX_FILE: Final = 4_096
_SIGNATURE_MARK: Final = "v1a,"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key that can only check."""

    key: Ed25519PublicKey

    def made_one_of(self, id_: str, timestamp: str, body: bytes, header: str) -> bool:
        """Tell whether it made one of a header's signatures."""
        message = b"%s.%s." % (id_.encode(), timestamp.encode()) + body
        shown = header.split(" ")[:MOST_SIGNATURES]
        made = (each.removeprefix(_SIGNATURE_MARK) for each in shown if _is_mine(each))
        return any(self._made(each, message) for each in made)

    def _made(self, text: str, message: bytes) -> bool:
        try:
            self.key.verify(base64.b64decode(text.encode("ascii"), validate=True), message)
        except (InvalidSignature, binascii.Error, UnicodeEncodeError):
            return False
        return True


Key = Secret | PublicKey


def is_signed_by(keys: Sequence[Key], id_: str, timestamp: str, body: bytes, header: str) -> bool:
    """Tell whether one of the keys made one of a header's signatures."""
    secrets = [each for each in keys if isinstance(each, Secret)]
    public = [each for each in keys if isinstance(each, PublicKey)]
    is_good = is_signed(secrets, id_, timestamp, body, header)
    return is_good or any(each.made_one_of(id_, timestamp, body, header) for each in public)


def parse_key(text: str) -> Key:
    """Check the form of a key.

    Raises:
        ValueError: it is neither kind; the message holds nothing of it.
    """
    if not text.startswith(PUBLIC_PREFIX):
        return parse_secret(text)
    try:
        raw = base64.b64decode(text.removeprefix(PUBLIC_PREFIX).encode("ascii"), validate=True)
        return PublicKey(Ed25519PublicKey.from_public_bytes(raw))
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise ValueError(f"is not {PUBLIC_PREFIX} and the base 64 of an Ed25519 key") from None


def read_keys(path: Path) -> list[Key]:
    """Read what verifies: one key, or two while one takes the other's place.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds none, or something else. The message holds nothing of it.
    """
    return [parse_key(line) for line in _lines(path)]


def read_secrets(path: Path) -> list[Secret]:
    """Read what signs: as :func:`read_keys`, secrets alone."""
    return [parse_secret(line) for line in _lines(path)]


def _lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        lines = file.read(_MAX_FILE + 1).decode("ascii", "replace").split()
    if not 0 < len(lines) <= MOST_KEYS:
        raise ValueError(f"must hold one key ({PREFIX}…), or two while it is changed, one a line")
    return lines


def _is_mine(text: str) -> bool:
    return text.startswith(_SIGNATURE_MARK)
