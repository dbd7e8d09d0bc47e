"""SPIFFE IDs, read by the grammar of the specification (SPIFFE-ID §2) and by nothing else.

An ID that is spelled otherwise is refused, never folded: upper case, an escape, a port or a slash
too many would give one workload two names (A17, B24). The text that was accepted is the ID.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_ID_BYTES: Final = 2048
"""SPIFFE-ID §2.3: longer ones need not be supported, so no honest workload has one."""

MAX_TRUST_DOMAIN_BYTES: Final = 255
"""SPIFFE-ID §2.1, after the longest host name."""

_SCHEME: Final = "spiffe://"
_TRUST_DOMAIN: Final = re.compile(r"[a-z0-9._-]+", re.ASCII)
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_DOTS: Final = frozenset({".", ".."})


class SpiffeIdError(ValueError):
    """The text is no SPIFFE ID. The message says which rule it breaks and never echoes it."""


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """A parsed ID. ``segments`` is empty for the ID of the trust domain itself.

    Build one by :func:`parse_spiffe_id` only. Two IDs are the same exactly if they are equal.
    """

    trust_domain: str
    segments: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Spell it, as it was parsed."""
        return "/".join((_SCHEME + self.trust_domain, *self.segments))


def parse_spiffe_id(text: str) -> SpiffeId:
    """Read an ID.

    Raises:
        SpiffeIdError: it breaks a rule.
    """
    # Counted in characters first: what is not ASCII is refused below, and bytes are then the same.
    if len(text) > MAX_ID_BYTES:
        raise SpiffeIdError(f"longer than {MAX_ID_BYTES} bytes")
    if not text.startswith(_SCHEME):
        raise SpiffeIdError("does not begin with spiffe://")
    trust_domain, *segments = text.removeprefix(_SCHEME).split("/")
    check_trust_domain(trust_domain)
    for segment in segments:
        _check_segment(segment)
    return SpiffeId(trust_domain, tuple(segments))


def check_trust_domain(text: str) -> None:
    """Check the name of a trust domain (SPIFFE-ID §2.1).

    Raises:
        SpiffeIdError: it is none.
    """
    if not text:
        raise SpiffeIdError("names no trust domain")
    if len(text) > MAX_TRUST_DOMAIN_BYTES:
        raise SpiffeIdError(f"a trust domain longer than {MAX_TRUST_DOMAIN_BYTES} bytes")
    # Neither a user, a port nor a query can follow: their marks are not in the alphabet.
    if _TRUST_DOMAIN.fullmatch(text) is None:
        raise SpiffeIdError("a trust domain holds other characters than a-z 0-9 . - _")


def _check_segment(segment: str) -> None:
    if not segment:
        raise SpiffeIdError("an empty path segment, or a slash at the end")
    if segment in _DOTS:
        raise SpiffeIdError("a path segment of dots")
    if _SEGMENT.fullmatch(segment) is None:
        raise SpiffeIdError("a path segment holds other characters than A-Z a-z 0-9 . - _")
