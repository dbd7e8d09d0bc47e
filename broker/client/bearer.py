"""How a request shows a token, and how a refusal is answered: RFC 6750, 9449, every framework.

The one parser and the one renderer of this package; :mod:`broker.client.middleware` (aiohttp) and
:mod:`broker.client.asgi` only carry their framework's headers here and the answer back. A token is
taken from exactly one ``Authorization`` header, never from a URL or a body (RFC 6750 §2.2, §2.3).
"""

import json
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from broker.client.errors import (
    AuthorizationMalformedError,
    CannotVerifyError,
    NonceMissingError,
    RefusalError,
    ScopeMissingError,
    TokenMissingError,
)
from broker.proof.authorization import Authorization, AuthorizationError, parse_authorization
from broker.proof.dpop import PROOF_ALGORITHMS
from broker.proof.nonces import NONCE_HEADER

_QUOTABLE: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)
"""RFC 6750 §3: what may stand between quotes in a challenge."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What of one request bears on who calls, as it arrived."""

    authorization: tuple[str, ...] = field(repr=False)
    """The value of every ``Authorization`` header."""

    query: str = field(default="", repr=False)
    """The raw query string; it may hold a token, so it is not shown."""

    method: str = ""
    path: str = ""
    """The raw path, as it was sent."""

    proofs: tuple[str, ...] = field(default=(), repr=False)
    """The value of every ``DPoP`` header."""

    certificate: bytes = field(default=b"", repr=False)
    """The client's certificate in DER, when TLS ends here and it showed one."""


@dataclass(frozen=True, slots=True)
class RefusalAnswer:
    """A refusal as an HTTP answer that depends on nothing of the token."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def authorization_of(presented: Presented) -> Authorization:
    """Return the one token of a request and how it is shown; nothing of it is checked.

    Raises:
        TokenMissingError: there is none.
        AuthorizationMalformedError: two headers, a token in the URL, or a header that is malformed.
    """
    if _is_in_query(presented.query):
        raise AuthorizationMalformedError
    try:
        shown = parse_authorization(presented.authorization)
    except AuthorizationError:
        raise AuthorizationMalformedError from None
    if shown is None:
        raise TokenMissingError
    return shown


def refusal_answer(refusal: RefusalError, realm: str) -> RefusalAnswer:
    """Render a refusal (RFC 6750 §3).

    When it is this server that cannot tell, the answer is 503 with ``Retry-After`` and no
    challenge: the token is not at fault, and a caller must not throw it away.
    """
    words = {}
    if refusal.error:
        words = {"error": refusal.error, "error_description": refusal.advice}
    if isinstance(refusal, ScopeMissingError):
        words["scope"] = " ".join(sorted(refusal.scopes))
    headers = [("Cache-Control", "no-store"), ("Content-Type", "application/json")]
    if not isinstance(refusal, CannotVerifyError):
        headers.append(("WWW-Authenticate", _challenge(refusal.scheme, {"realm": realm} | words)))
    if isinstance(refusal, NonceMissingError):
        headers.append((NONCE_HEADER, refusal.nonce))
    if refusal.retry_after_seconds:
        headers.append(("Retry-After", str(refusal.retry_after_seconds)))
    return RefusalAnswer(refusal.status, tuple(headers), json.dumps(words).encode())


def require_quotable(text: str) -> str:
    """Return a text that may stand between quotes in a challenge.

    Raises:
        ValueError: it may not.
    """
    if _QUOTABLE.fullmatch(text) is None:
        raise ValueError("only printable ASCII without quotes and backslashes can be in a header")
    return text


def _challenge(scheme: str, words: dict[str, str]) -> str:
    if scheme == "DPoP":
        words = words | {"algs": " ".join(PROOF_ALGORITHMS)}  # RFC 9449 §7.1
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in words.items())


def _is_in_query(query: str) -> bool:
    if not query:
        return False
    return any(name == "access_token" for name, _ in parse_qsl(query, keep_blank_values=True))
