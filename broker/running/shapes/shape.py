"""What a shape does: fit a credential into the surroundings of a command.

A process cannot be given another environment once it runs. So a shape puts what stays (a host, the
path of a file, the desk's address) into variables, and what changes with every renewal into files,
which are written anew. A shape that has no files is either asked for at the desk, or grows old.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from broker.running.errors import RunError
from broker.running.source import HeldValues
from broker.secret import Secret

_NOT_IN_NAMES: Final = re.compile(r"[^A-Z0-9]+", re.ASCII)


class ShapeUnfitError(RunError):
    """The credential has not what the shape is made of, or something that would break its form."""

    remedy = "Choose another shape for this need: --as NAME=SHAPE."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command finds what is for it."""

    folder: Path
    desk_url: str
    desk_token: Secret


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a shape does to a command's variables, once."""

    variables: Mapping[str, str]
    hides: frozenset[str] = field(default=frozenset())
    """Variables of the surroundings that would win over these, and carry other credentials."""


class Shape(Protocol):
    """One form of one credential."""

    @property
    def is_proxied(self) -> bool:
        """Tell whether it shows stand-ins alone: then the desk does not serve the need either."""
        ...

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return the variables.

        Raises:
            ShapeUnfitError: this credential cannot be had in this form.
        """
        ...

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return the files, by name within the run's folder: at the start and at each renewal.

        Raises:
            ShapeUnfitError: this credential cannot be had in this form.
        """
        ...


def variable_of(need: str) -> str:
    """Return the part of a variable's name that stands for a need: ``orders-api``, ORDERS_API."""
    return _NOT_IN_NAMES.sub("_", need.upper()).strip("_")


def word_of(held: HeldValues, *names: str) -> str:
    """Return the first of these words that a credential has, in the clear, fit for one line.

    Raises:
        ShapeUnfitError: it has none of them, or one of more than a line.
    """
    for name in names:
        if name in held.values:
            return one_line(held, name)
    raise ShapeUnfitError(f"{held.name}: a {held.kind} credential has no {' or '.join(names)}")


def one_line(held: HeldValues, name: str) -> str:
    """Return a word if it stays within its line: the target that made it may be anybody's.

    Raises:
        ShapeUnfitError: it does not.
    """
    text = held.values[name].reveal()
    if any(ord(char) < ord(" ") or ord(char) == 127 for char in text):  # noqa: PLR2004 - DEL
        raise ShapeUnfitError(f"{held.name}: its {name} holds control characters")
    return text
