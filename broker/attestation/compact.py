"""The strict pre-parser of compact JWS (RFC 7515 §7.1): it runs before any library.

- Nothing is read beyond 16 KiB (M5), nothing but three non-empty canonical base64url segments.
- Header and claims are strict JSON objects (B17), parsed here and never again: what is verified
  and what is read are the same objects.
- A header that names keys, or asks for processing we do not do, is refused; nothing that it names
  is ever fetched (B5, B18).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from broker import base64url, strict_json
from broker.attestation.reasons import Reason
from broker.errors import AttestationError, InvalidRequestError
from broker.secret import Secret

MAX_TOKEN_BYTES: Final = 16 * 1024
"""Twice what real workload tokens need; a megabyte would block the event loop (M5)."""

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_FORBIDDEN: Final = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc"})


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A well-formed token that nobody has vouched for yet."""

    unverified_header: Mapping[str, object] = field(repr=False)
    unverified_claims: Mapping[str, object] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def text(self) -> Secret:
        """The token as it came: the form that was read has one spelling."""
        return Secret(f"{self.signing_input.decode()}.{base64url.encode(self.signature)}")


def check_size(token: str) -> None:
    """Refuse what is too long to be looked at.

    Raises:
        AttestationError: ``too-large``.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise AttestationError(Reason.TOO_LARGE, f"a token is at most {MAX_TOKEN_BYTES} bytes")


def parse_compact(token: str) -> UnverifiedToken:
    """Take a token apart, strictly and once.

    Raises:
        AttestationError: ``too-large``, ``malformed`` or ``forbidden-header``.
    """
    check_size(token)
    match = _COMPACT.fullmatch(token)
    if match is None:
        raise AttestationError(Reason.MALFORMED, "not three base64url segments joined by dots")
    header, claims, signature = match.groups()
    return UnverifiedToken(
        unverified_header=_read_header(header),
        unverified_claims=_read_object(claims, "claims"),
        signing_input=token[: match.end(2)].encode(),
        signature=_read_bytes(signature, "signature"),
    )


def _read_header(segment: str) -> dict[str, object]:
    header = _read_object(segment, "header")
    forbidden = _FORBIDDEN & header.keys()
    if forbidden:
        raise AttestationError(
            Reason.FORBIDDEN_HEADER, f"the header has {', '.join(sorted(forbidden))}"
        )
    return header


def _read_object(segment: str, part: str) -> dict[str, object]:
    data = _read_bytes(segment, part)
    try:
        return strict_json.loads_object(data, max_bytes=MAX_TOKEN_BYTES, field=part)
    except InvalidRequestError as error:
        raise AttestationError(Reason.MALFORMED, f"{part}: {error}") from error


def _read_bytes(segment: str, part: str) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError as error:
        raise AttestationError(Reason.MALFORMED, f"{part}: {error}") from error
