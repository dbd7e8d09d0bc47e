"""Stand-ins: what a child holds in the place of a credential."""

import base64
import binascii
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from broker.proxy.message import Fields
from broker.secret import Secret

PREFIX: Final = "standin_"
"""By which people and scanners recognise one; it is no secret."""

_BYTES: Final = 24
"""Random bytes: 192 bits, so that none is guessed and none occurs by chance."""

KEY_PREFIX: Final = "ASIASTANDIN"
"""The same for the id of an AWS access key, which has letters of its own."""

_KEY_BYTES: Final = 5
_SECRET_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class StandIn:
    """What a child holds for one need: a word; and what AWS's tools sign with, the word included.

    They are as long as the real ones.
    """

    word: str
    access_key_id: str
    secret_access_key: Secret


class StandIns:
    """One random stand-in for each need; good at this proxy, worth nothing anywhere else."""

    def __init__(
        self,
        needs: Iterable[str],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._by_need = {need: _made(random_bytes) for need in sorted(set(needs))}
        made = self._by_need.values()
        self._words = (
            *(each.word for each in made),
            *(each.access_key_id for each in made),
            *(each.secret_access_key.reveal() for each in made),
        )

    def of(self, need: str) -> str:
        """Return the word of a need.

        Raises:
            KeyError: nothing was declared for it.
        """
        return self._by_need[need].word

    def whole(self, need: str) -> StandIn:
        """Return all that stands in for a need.

        Raises:
            KeyError: nothing was declared for it.
        """
        return self._by_need[need]

    def needles(self) -> tuple[bytes, ...]:
        """Return what must not be seen where it was not declared."""
        return tuple(word.encode() for word in self._words)

    def occur_in(self, text: str) -> bool:
        """Tell whether any is in a text, plainly or behind percent signs."""
        plain = unquote(text, encoding="latin-1") if "%" in text else text
        return any(word in plain for word in self._words)

    def occur_in_fields(self, fields: Fields) -> bool:
        """Tell whether any is in a header field, also behind the base 64 of Basic."""
        return any(
            self.occur_in(name) or self.occur_in(value) or self.occur_in(basic_pair(value) or "")
            for name, value in fields.items
        )


def _made(random_bytes: Callable[[int], bytes]) -> StandIn:
    word = PREFIX + random_bytes(_BYTES).hex()
    key = KEY_PREFIX + base64.b32encode(random_bytes(_KEY_BYTES)).decode()
    return StandIn(word, key, Secret(PREFIX + random_bytes(_SECRET_BYTES).hex()))


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
