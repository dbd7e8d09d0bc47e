"""One strict reader of the compact JWS form, for tokens of the broker and nothing else.

PyJWT accepts duplicate members, any ``typ``, padding and more. What this reader lets through has
one meaning only: three segments of canonical base64url, strict JSON, and a header that holds
exactly ``alg``, ``kid`` and ``typ``: no key, URL or extension in a header is ever looked at
(RFC 8725 §3.10). Nothing that it returns is verified.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from broker import strict_json
from broker.client.errors import TokenMalformedError, TokenUntrustedError
from broker.errors import InvalidRequestError

MAX_TOKEN_CHARS: Final = 8192
"""Counted before anything is decoded: a huge token costs one comparison."""

ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
"""RFC 9068 §4; compared without case (RFC 2045 §5.1)."""

_SEGMENT: Final = r"([A-Za-z0-9_-]+)"
_COMPACT: Final = re.compile(rf"{_SEGMENT}\.{_SEGMENT}\.{_SEGMENT}", re.ASCII)
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._:+=/-]{1,256}", re.ASCII)


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JOSE header of an access token: these three members, no other."""

    alg: str
    kid: str
    typ: str


@dataclass(frozen=True, slots=True)
class UnverifiedJws:
    """A well-formed token of which nothing has been verified."""

    header: Header
    claims: Mapping[str, object]
    signing_input: bytes
    signature: bytes


def split(token: str, types: frozenset[str] = ACCESS_TOKEN_TYPES) -> UnverifiedJws:
    """Take a token apart; ``types`` are those that it may be of, an access token by default.

    Raises:
        TokenMalformedError: it is no strict compact JWS with exactly our header members.
        TokenUntrustedError: it is well-formed and of another type (RFC 8725 §3.11).
    """
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenMalformedError("the token is too long")
    shape = _COMPACT.fullmatch(token)
    if shape is None:
        raise TokenMalformedError("not three base64url segments")
    return UnverifiedJws(
        header=_header(shape[1], types),
        claims=_object(shape[2]),
        signing_input=token[: shape.end(2)].encode(),
        signature=decode_segment(shape[3]),
    )


def is_key_id(text: str) -> bool:
    """Tell whether a text may name a key: short, printable, without space."""
    return _KEY_ID.fullmatch(text) is not None


def decode_segment(text: str) -> bytes:
    """Decode canonical base64url without padding: each byte string has exactly one spelling.

    Raises:
        TokenMalformedError: the text is another spelling, or none.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenMalformedError("not base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text.encode():
        raise TokenMalformedError("not canonical base64url")
    return data


def _header(segment: str, types: frozenset[str]) -> Header:
    try:
        header = msgspec.convert(_object(segment), Header)
    except msgspec.ValidationError as error:
        raise TokenMalformedError("the header is not exactly alg, kid, typ") from error
    if not is_key_id(header.kid):
        raise TokenMalformedError("the kid is not well-formed")
    if header.typ.lower() not in types:
        raise TokenUntrustedError("of another type (typ)")
    return header


def _object(segment: str) -> Mapping[str, object]:
    try:
        document = strict_json.loads(decode_segment(segment), max_bytes=MAX_TOKEN_CHARS)
    except InvalidRequestError as error:
        raise TokenMalformedError("not strict JSON") from error
    if not isinstance(document, dict):
        raise TokenMalformedError("not a JSON object")
    return document
