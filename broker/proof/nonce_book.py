"""The newest nonce of each server that a key makes proofs for (RFC 9449 §8.2, §9)."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from broker.proof.nonces import NONCE_HEADER

MAX_ORIGINS: Final = 256
"""Servers whose nonces are remembered; the one longest unheard of is forgotten first."""

_NONCE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}", re.ASCII)
"""RFC 9449 §8.1, with a bound."""


class NonceBook:
    """Remembers. Nonces of one origin are never shown to another."""

    def __init__(self) -> None:
        self._newest: OrderedDict[tuple[str, str], str] = OrderedDict()

    def newest(self, url: str) -> str:
        """Return the newest nonce of a URL's origin; empty when it gave none."""
        return self._newest.get(_origin(url), "")

    def note(self, url: str, headers: Mapping[str, str]) -> bool:
        """Take the nonce out of an answer; tell whether it is another than the one before."""
        nonce = _only(headers)
        if _NONCE.fullmatch(nonce) is None:
            return False
        origin = _origin(url)
        is_news = self._newest.get(origin) != nonce
        self._newest[origin] = nonce
        self._newest.move_to_end(origin)
        while len(self._newest) > MAX_ORIGINS:
            self._newest.popitem(last=False)
        return is_news


def _only(headers: Mapping[str, str]) -> str:
    """Return the one value of the header, whose name has no case; empty when it came twice."""
    found = [value for name, value in headers.items() if name.lower() == NONCE_HEADER.lower()]
    return found[0] if len(found) == 1 else ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
