"""How a declaration names a claim.

A plain name is a claim of the token (``sub``). One that begins with ``/`` is a JSON pointer
(RFC 6901) to a member inside a claim: ``/kubernetes.io/pod/uid``.
"""

import re
from collections.abc import Mapping
from typing import Final

_WELL_FORMED: Final = re.compile(r"[^/\x00-\x1f].*|(?:/(?:[^~/\x00-\x1f]|~[01])+)+")


def is_well_formed(path: str) -> bool:
    """Tell whether the text can name a claim."""
    return _WELL_FORMED.fullmatch(path) is not None


def claim_of(path: str) -> str:
    """Return the name of the claim that the path is or leads into."""
    return _segments(path)[0]


def find(claims: Mapping[str, object], path: str) -> object:
    """Return the value at the path; ``None`` when there is none, or null."""
    value: object = claims
    for segment in _segments(path):
        if not isinstance(value, Mapping):
            return None
        value = value.get(segment)
    return value


def _segments(path: str) -> list[str]:
    if not path.startswith("/"):
        return [path]
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
