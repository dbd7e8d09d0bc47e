"""What the child's signature claims: by which key, over which fields, for what and when.

A claim is read strictly. It must cover the host and every ``x-amz-`` field, as AWS demands: one
that is not covered could be added by whoever comes between, and mean another request.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from broker.proxy.message import Fields
from broker.proxy.problem import RefusedError, malformed
from broker.proxy.sigv4 import ALGORITHM, ENDING, Scope

DATE: Final = "x-amz-date"
TOKEN: Final = "x-amz-security-token"  # noqa: S105  the name of a field

_AMZ: Final = "x-amz-"
_WORD: Final = r"[a-z0-9-]{1,64}"
_CLAIM: Final = re.compile(
    rf"{ALGORITHM} +Credential=([A-Za-z0-9_]{{1,128}})/([0-9]{{8}})/({_WORD})/({_WORD})/{ENDING}"
    r" *, *SignedHeaders=([a-z0-9_-]+(?:;[a-z0-9_-]+)*) *, *Signature=([0-9a-f]{64})",
    re.ASCII,
)
_INSTANT: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)
_FARTHEST_MS: Final = 15 * 60 * 1000
"""As at AWS: an older request is a replay, or a clock is wrong."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A signature, and what it says of itself."""

    access_key_id: str
    scope: Scope
    names: tuple[str, ...]
    """The header fields that it covers, in lower case."""
    signature: str


def read_claim(fields: Fields) -> Claim | None:
    """Read ``Authorization``; None if it is no signature of this version."""
    match = _CLAIM.fullmatch(fields.one("authorization") or "")
    if match is None:
        return None
    key, day, region, service, names, signed = match.groups()
    return Claim(key, Scope(day, region, service), tuple(names.split(";")), signed)


def check_covers(claim: Claim, fields: Fields) -> None:
    """Look whether a signature covers what it must.

    Raises:
        RefusedError: it does not, or covers something that is not there or there twice.
    """
    there = Counter(name.lower() for name, _ in fields.items)
    ours = {name for name in there if name.startswith(_AMZ)}
    if any("_" in name and name.replace("_", "-").startswith(_AMZ) for name in there):
        raise malformed("a header field is spelt with _ in the place of -")
    if any(there[name] > 1 for name in ours):
        raise malformed("a header field of AWS's is there twice")
    if list(claim.names) != sorted(set(claim.names)) or not there.keys() >= set(claim.names):
        raise malformed("SignedHeaders names a field twice, out of order, or one that is not there")
    if not ours | {"host"} <= set(claim.names):
        raise RefusedError(
            403, "not-signed", "the signature must cover Host and every x-amz- field"
        )


def instant(claim: Claim, fields: Fields, now_ms: int) -> str:
    """Return when the request was signed, as ``X-Amz-Date`` has it.

    Raises:
        RefusedError: it does not say so, or that is a quarter of an hour away from now.
    """
    text = fields.one(DATE) or ""
    if _INSTANT.fullmatch(text) is None or not text.startswith(claim.scope.day):
        raise malformed("X-Amz-Date is missing, malformed, or not of the signature's day")
    try:
        at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise malformed("X-Amz-Date is no instant") from None
    if abs(at.timestamp() * 1000 - now_ms) > _FARTHEST_MS:
        raise RefusedError(
            403, "signature-date", "the request was signed more than 15 minutes away from now"
        )
    return text
