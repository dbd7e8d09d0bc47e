"""How a credential is put into a request, and how the stand-in must be shown for it."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from broker.proxy.message import Fields
from broker.proxy.problem import RefusedError
from broker.proxy.sigv4 import Said
from broker.proxy.standin import StandIn, basic_pair, basic_value
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
            raise unfit()
        text = _PLACE.sub(lambda match: values[match[1]].reveal(), self.text)
        if _VALUE.fullmatch(text) is None:
            raise unfit()
        return text

    def secrets(self, values: Mapping[str, Secret]) -> tuple[str, ...]:
        """Return the values that it names.

        Raises:
            RefusedError: one is missing.
        """
        if set(self.names) - values.keys():
            raise unfit()
        return tuple(values[name].reveal() for name in self.names)


class Placing(Protocol):
    """One way to put a credential in."""

    @property
    def places(self) -> frozenset[str]:
        """The header fields in which a credential is shown, in lower case."""
        ...

    def is_shown(self, fields: Fields, stand_in: StandIn) -> bool:
        """Tell whether a request shows exactly the stand-in at its place."""
        ...

    def put(self, fields: Fields, values: Mapping[str, Secret], said: Said) -> Fields:
        """Return the fields that are sent with the credential in them, instead of what was said.

        Raises:
            RefusedError: the values do not fit.
        """
        ...

    def secrets(self, values: Mapping[str, Secret]) -> tuple[str, ...]:
        """Return what an answer must not bring to the child."""
        ...


@dataclass(frozen=True, slots=True)
class InHeader:
    """``Authorization: Bearer {access_token}``, ``X-Api-Key: {key}`` and the like."""

    field: str
    template: Template

    @property
    def places(self) -> frozenset[str]:
        """The one field."""
        return frozenset({self.field.lower()})

    def is_shown(self, fields: Fields, stand_in: StandIn) -> bool:
        """Tell whether the field is there once, as the template with the stand-in in it."""
        expected = self.template.filled(stand_in.word).encode()
        values = fields.all(self.field.lower())
        return len(values) == 1 and hmac.compare_digest(values[0].encode(), expected)

    def put(self, fields: Fields, values: Mapping[str, Secret], said: Said) -> Fields:  # noqa: ARG002  the port's
        """Write the filled template."""
        return fields.without(self.places).with_((self.field, self.template.rendered(values)))

    def secrets(self, values: Mapping[str, Secret]) -> tuple[str, ...]:
        """Return what the template names."""
        return self.template.secrets(values)


@dataclass(frozen=True, slots=True)
class InBasic:
    """HTTP Basic; the stand-in is shown as the password, with any user."""

    user: str
    template: Template

    @property
    def places(self) -> frozenset[str]:
        """``Authorization``."""
        return frozenset({"authorization"})

    def is_shown(self, fields: Fields, stand_in: StandIn) -> bool:
        """Tell whether the password is the stand-in."""
        pair = basic_pair(fields.one("authorization") or "") or ""
        _, colon, password = pair.partition(":")
        return bool(colon) and hmac.compare_digest(password.encode(), stand_in.word.encode())

    def put(self, fields: Fields, values: Mapping[str, Secret], said: Said) -> Fields:  # noqa: ARG002  the port's
        """Write the user and the filled template."""
        return fields.without(self.places).with_(("Authorization", self._value(values)))

    def secrets(self, values: Mapping[str, Secret]) -> tuple[str, ...]:
        """Return what the template names, and the two in base 64."""
        return (*self.template.secrets(values), self._value(values).partition(" ")[2])

    def _value(self, values: Mapping[str, Secret]) -> str:
        return basic_value(f"{self.user}:{self.template.rendered(values)}")


def needles(placing: Placing, values: Mapping[str, Secret]) -> tuple[bytes, ...]:
    """Return every spelling of a credential that an answer must not bring to the child."""
    return in_every_spelling(*placing.secrets(values))


def in_every_spelling(*texts: str) -> tuple[bytes, ...]:
    """Return all spellings of these values, the longest first; short values are left out."""
    spelt = {each for text in texts if len(text) >= SHORTEST for each in spellings(text)}
    return tuple(sorted((each.encode() for each in spelt), key=len, reverse=True))


def unfit() -> RefusedError:
    """Refuse to put in a credential that is not what the route is for."""
    return RefusedError(
        502, "credential-unfit", "the credential has not the values that the route puts in"
    )
