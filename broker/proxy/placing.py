"""How a credential is put into a request, and how the stand-in must be shown for it."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from broker.proxy.problem import RefusedError
from broker.proxy.standin import basic_pair, basic_value
from broker.secret import Secret
from broker.spelling import SHORTEST, spellings

_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]{0,63})\}")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with names in braces, for which values are put in."""

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are asked for."""
        return tuple(_PLACE.findall(self.text))

    @property
    def is_sound(self) -> bool:
        """Tell whether it has a name, and no other brace."""
        return bool(self.names) and not set("{}") & set(_PLACE.sub("", self.text))

    def filled(self, value: str) -> str:
        """Put the same value in everywhere."""
        return _PLACE.sub(lambda _: value, self.text)

    def rendered(self, values: Mapping[str, Secret]) -> str:
        """Put the values in.

        Raises:
            RefusedError: one is missing, or cannot stand in a header field.
        """
        if set(self.names) - values.keys():
            raise _unfit()
        text = _PLACE.sub(lambda match: values[match[1]].reveal(), self.text)
        if _VALUE.fullmatch(text) is None:
            raise _unfit()
        return text


class Placing(Protocol):
    """One way to put a credential in."""

    @property
    def field(self) -> str:
        """The name of the header field, as it is written."""
        ...

    @property
    def template(self) -> Template:
        """What is made of the values."""
        ...

    def is_shown(self, value: str, stand_in: str) -> bool:
        """Tell whether the field's value is exactly the stand-in at its place."""
        ...

    def value(self, values: Mapping[str, Secret]) -> str:
        """Return the field's value with the credential in it."""
        ...


@dataclass(frozen=True, slots=True)
class InHeader:
    """``Authorization: Bearer {access_token}``, ``X-Api-Key: {key}`` and the like."""

    field: str
    template: Template

    def is_shown(self, value: str, stand_in: str) -> bool:
        """Tell whether the value is the template with the stand-in in it."""
        return hmac.compare_digest(value.encode(), self.template.filled(stand_in).encode())

    def value(self, values: Mapping[str, Secret]) -> str:
        """Fill the template."""
        return self.template.rendered(values)


@dataclass(frozen=True, slots=True)
class InBasic:
    """HTTP Basic; the stand-in is shown as the password, with any user."""

    user: str
    template: Template
    field: str = "Authorization"

    def is_shown(self, value: str, stand_in: str) -> bool:
        """Tell whether the password is the stand-in."""
        _, colon, password = (basic_pair(value) or "").partition(":")
        return bool(colon) and hmac.compare_digest(password.encode(), stand_in.encode())

    def value(self, values: Mapping[str, Secret]) -> str:
        """Write the user and the filled template."""
        return basic_value(f"{self.user}:{self.template.rendered(values)}")


def needles(placing: Placing, values: Mapping[str, Secret]) -> tuple[bytes, ...]:
    """Return every spelling of a credential that an answer must not bring to the child."""
    texts = [values[name].reveal() for name in placing.template.names]
    if isinstance(placing, InBasic):
        texts.append(placing.value(values).partition(" ")[2])
    return in_every_spelling(*texts)


def in_every_spelling(*texts: str) -> tuple[bytes, ...]:
    """Return all spellings of these values, the longest first; short values are left out."""
    spelt = {each for text in texts if len(text) >= SHORTEST for each in spellings(text)}
    return tuple(sorted((each.encode() for each in spelt), key=len, reverse=True))


def _unfit() -> RefusedError:
    return RefusedError(
        502, "credential-unfit", "the credential has not the values that the route puts in"
    )
