"""AWS Signature Version 4: the text that is signed, and its signature. Pure.

After AWS, "Create a signed AWS API request" (IAM User Guide), and proven by AWS's own test suite.
Paths come in their one spelling (:mod:`broker.proxy.target`), so nothing is normalised here.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from broker.proxy.message import Fields
from broker.proxy.target import Target
from broker.secret import Secret

ALGORITHM: Final = "AWS4-HMAC-SHA256"
ENDING: Final = "aws4_request"

_ENCODES_ONCE: Final = frozenset({"s3", "s3-object-lambda", "s3-outposts"})
"""Services that sign a path as it is encoded; all others encode it once more."""


@dataclass(frozen=True, slots=True)
class Scope:
    """For which day (``20261130``), region and service a signature is good."""

    day: str
    region: str
    service: str

    def __str__(self) -> str:
        """Write it as it is signed."""
        return f"{self.day}/{self.region}/{self.service}/{ENDING}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a signature may cover of a request."""

    method: str
    target: Target
    fields: Fields
    payload: str = ""
    """The body's SHA-256 in hexadecimal, or the word that stands in its place."""


def signature(said: Said, names: Iterable[str], scope: Scope, at: str, key: Secret) -> str:
    """Return the signature over a request.

    Args:
        said: the request.
        names: the header fields that are covered, in lower case and in order.
        scope: for what the signature is good.
        at: the instant, as ``X-Amz-Date`` has it.
        key: the secret half of the access key.
    """
    digest = hashlib.sha256(canonical(said, names, scope.service).encode()).hexdigest()
    text = "\n".join((ALGORITHM, at, str(scope), digest))
    return _hmac(_derived(scope, key), text).hex()


def canonical(said: Said, names: Iterable[str], service: str) -> str:
    """Write a request in the one form that both sides sign."""
    covered = tuple(names)
    lines = (f"{name}:{_value(said.fields.all(name))}" for name in covered)
    return "\n".join(
        (
            said.method,
            _path(said.target.path, service),
            _query(said.target.query.removeprefix("?")),
            *lines,
            "",
            ";".join(covered),
            said.payload,
        )
    )


def _path(path: str, service: str) -> str:
    return quote(unquote_to_bytes(path) if service in _ENCODES_ONCE else path, safe="/~")


def _query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return "&".join(f"{n}={v}" for n, v in sorted((_plain(n), _plain(v)) for n, _, v in pairs))


def _plain(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="~")


def _value(values: list[str]) -> str:
    return ",".join(" ".join(value.split()) for value in values)


def _derived(scope: Scope, key: Secret) -> bytes:
    derived = f"AWS4{key.reveal()}".encode()
    for part in (scope.day, scope.region, scope.service, ENDING):
        derived = _hmac(derived, part)
    return derived


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
