"""Which kinds of credentials there are: our own, those that come along, and installed ones.

A kind is imported when something first names it: a broker without targets needs none of their
libraries. Installed packages offer kinds by entry points of the group ``jit_broker.backends``.
"""

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Final

import msgspec

from backends.contract import GROUP, Kind
from broker.errors import ConfigurationError

OWN: Final = "jwt"
"""Our own access tokens: the one kind without a target."""

_BUILT_IN: Final = {
    "aws_sts": "backends.aws_sts:kind",
    "postgres": "backends.postgres:kind",
    "vault": "backends.vault:kind",
}
_EXTRAS: Final = {"aws_sts": "aws"}
"""What is installed for a kind, where that is not called like it."""


def known() -> list[str]:
    """Name every kind, our own first."""
    return [OWN, *sorted(_places())]


@cache
def find(name: str) -> Kind | None:
    """Return a kind, or None when nobody offers it.

    Raises:
        ConfigurationError: it cannot be used: what it needs is not installed, or it promises what
            no kind may.
    """
    place = _places().get(name)
    if place is None:
        return None
    module, _, attribute = place.partition(":")
    try:
        found: Kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        message = f"the kind {name} cannot be used: {error}"
        raise ConfigurationError(f"{message}; install what it needs: {_package(name)}") from error
    flaws = [*found.traits.flaws()]
    if flaws or found.name != name:
        raise ConfigurationError(
            f"the kind {name} cannot be used: {'; '.join(flaws) or found.name}"
        )
    return found


def read_template(kind: Kind, text: str) -> msgspec.Struct:
    """Read the template of a capability.

    Raises:
        ConfigurationError: it is none of this kind.
    """
    try:
        return msgspec.json.decode(text, type=kind.template)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"not a template of {kind.name}: {error}") from error


def _package(name: str) -> str:
    return f"jit-broker[{_EXTRAS.get(name, name)}]"


def _places() -> dict[str, str]:
    installed = {point.name: point.value for point in entry_points(group=GROUP)}
    return {name: at for name, at in (installed | _BUILT_IN).items() if name != OWN}
