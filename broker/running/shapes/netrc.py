"""Programs that look a password up by host: a netrc file, for one host alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.running.shapes.shape import Fitting, Place, ShapeUnfitError, word_of
from broker.running.source import HeldValues
from broker.secret import Secret

_LOGIN: Final = "token"
"""Who has a token and no name; servers that take tokens as passwords look at no name."""


@dataclass(frozen=True, slots=True)
class Netrc:
    """``NETRC``, which names the file; ``curl --netrc-file "$NETRC"``."""

    host: str
    is_proxied: bool = False

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return where the file is."""
        return Fitting({"NETRC": str(place.folder / _name(held))})

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return the one entry."""
        login = word_of(held, "username") if "username" in held.values else _LOGIN
        password = word_of(held, "password", "access_token", "token")
        for word in (login, password):
            if set(word) & set(' "\\'):  # each program quotes these in a way of its own
                raise ShapeUnfitError(f"{held.name}: holds a space or a quote; netrc cannot")
        return {_name(held): Secret(f"machine {self.host} login {login} password {password}\n")}


def _name(held: HeldValues) -> str:
    return f"{held.name}.netrc"
