"""The key that a token is bound to (RFC 7800 ``cnf``), and the keys that a request has proven."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
"""SHA-256 in base64url; of the last character only four bits count, and the others are zero."""


class Binding(StrEnum):
    """How possession of the key is proven."""

    DPOP = "dpop"
    """By a signed proof with each request (RFC 9449)."""
    MTLS = "mtls"
    """By the client certificate of the TLS connection (RFC 8705)."""


_MEMBERS: Final = {Binding.DPOP: "jkt", Binding.MTLS: "x5t#S256"}


class Confirmation(msgspec.Struct, frozen=True):
    """One key by its SHA-256 thumbprint, in base64url (RFC 7638, RFC 8705 §3.1)."""

    binding: Binding
    thumbprint: str

    def to_claim(self) -> dict[str, str]:
        """Return the value of ``cnf``."""
        return {_MEMBERS[self.binding]: self.thumbprint}

    def is_same(self, other: "Confirmation") -> bool:
        """Tell whether it is the same key, in the same time whether or not."""
        same = hmac.compare_digest(self.thumbprint.encode(), other.thumbprint.encode())
        return same and self.binding is other.binding


class ProvenKeys(msgspec.Struct, frozen=True):
    """What one request has shown to hold: at most one key of each kind.

    ``certificate_expires_ms`` is the end of the certificate, 0 when there is none.
    """

    dpop: Confirmation | None = None
    certificate: Confirmation | None = None
    certificate_expires_ms: int = 0

    def __iter__(self) -> Iterator[Confirmation]:
        return (key for key in (self.dpop, self.certificate) if key is not None)

    def include(self, wanted: Confirmation) -> bool:
        """Tell whether this key is among them."""
        return any(key.is_same(wanted) for key in self)

    def first_of(self, allowed: frozenset[Binding]) -> Confirmation | None:
        """Return the key to bind to: the proof's before the certificate's, which rotates."""
        return next((key for key in self if key.binding in allowed), None)


NOTHING_PROVEN: Final = ProvenKeys()


class ConfirmationError(ValueError):
    """A ``cnf`` that cannot be checked here. The text never echoes it."""


def of_certificate(der: bytes) -> Confirmation:
    """Name the key of a client certificate by the SHA-256 of its DER (RFC 8705 §3.1)."""
    digest = hashlib.sha256(der).digest()
    return Confirmation(Binding.MTLS, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def read_claim(claim: object) -> Confirmation:
    """Read ``cnf``: exactly one member, of a kind that we can check.

    Raises:
        ConfirmationError: it is something else. A token that carries it must be refused.
    """
    if not isinstance(claim, Mapping) or len(claim) != 1:
        raise ConfirmationError("cnf is not exactly one key")
    for binding, member in _MEMBERS.items():
        thumbprint = claim.get(member)
        if isinstance(thumbprint, str) and THUMBPRINT.fullmatch(thumbprint):
            return Confirmation(binding, thumbprint)
    raise ConfirmationError("cnf names no key by a thumbprint that is known here")
