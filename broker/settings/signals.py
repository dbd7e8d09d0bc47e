"""The ``signals`` section: who may say that something is wrong, and what follows at most."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from broker.behaviour.rules import Action
from broker.settings.fault import Fault

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


class SignalSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who sends signed signals (Security Event Tokens, RFC 8417)."""

    name: str
    """What it is called here: in findings, in the log."""
    issuer: str
    """The ``iss`` of its tokens, letter by letter."""
    keys_file: Path
    """Its public keys, a JWK Set; read anew for each signal."""
    tenants: Annotated[tuple[str, ...], Meta(min_length=1)]
    """The tenants that it may speak of."""
    may: Action = Action.NOTE
    """What its signals lead to at most: note, freeze or suspend. Default note."""
    algorithms: tuple[Literal["ES256", "ES384", "EdDSA", "RS256", "PS256"], ...] = (
        "ES256",
        "EdDSA",
    )
    """What it signs with. Default ES256, EdDSA."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if _NAME.fullmatch(self.name) is None:
            yield Fault(("name",), "is no name", "write 1 to 32 of a-z 0-9 -")
        if not self.issuer.startswith("https://"):
            yield Fault(("issuer",), "is no https URL", "write its iss")
        if self.may is Action.OFF:
            yield Fault(("may",), "off says nothing", "leave the source out")


class Signals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may send signals."""

    sources: tuple[SignalSource, ...] = ()
    """Those who may. Default nobody."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        for member in ("name", "issuer"):
            known = [getattr(each, member) for each in self.sources]
            if len(set(known)) < len(known):
                yield Fault(("sources",), f"two have one {member}", "give each its own")
