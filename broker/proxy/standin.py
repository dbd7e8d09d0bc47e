"""Stand-ins: what a child holds in the place of a credential."""

import base64
import binascii
import secrets
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote

from broker.proxy.message import Fields

PREFIX: Final = "standin_"
"""By which people and scanners recognise one; it is no secret."""

_BYTES: Final = 24
"""Random bytes: 192 bits, so that none is guessed and none occurs by chance."""


class StandIns:
    """One random word for each need; good at this proxy, worth nothing anywhere else."""

    def __init__(
        self,
        needs: Iterable[str],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._words = {need: PREFIX + random_bytes(_BYTES).hex() for need in sorted(set(needs))}

    def of(self, need: str) -> str:
        """Return the stand-in of a need.

        Raises:
            KeyError: nothing was declared for it.
        """
        return self._words[need]

    def needles(self) -> tuple[bytes, ...]:
        """Return what must not be seen where it was not declared."""
        return tuple(word.encode() for word in self._words.values())

    def occur_in(self, text: str) -> bool:
        """Tell whether any is in a text, plainly or behind percent signs."""
        plain = unquote(text, encoding="latin-1") if "%" in text else text
        return PREFIX in plain and any(word in plain for word in self._words.values())

    def occur_in_fields(self, fields: Fields) -> bool:
        """Tell whether any is in a header field, also behind the base 64 of Basic."""
        return any(
            self.occur_in(name) or self.occur_in(value) or self.occur_in(basic_pair(value) or "")
            for name, value in fields.items
        )


def basic_pair(value: str) -> str | None:
    """Return the ``user:password`` of a Basic credential (RFC 7617), or None if it is none."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(" "), validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def basic_value(pair: str) -> str:
    """Write a Basic credential."""
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
