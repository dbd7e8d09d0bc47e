"""The ``ends`` section: which orchestrators say by a signed message that a task of theirs ended."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from broker.settings.fault import Fault

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_LONGEST: Final = 512


class EndSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An orchestrator whose messages (Standard Webhooks) end tasks that it opened."""

    orchestrator: str
    """Its name in agents.yaml, and the last part of the path that it posts to."""
    issuer: str
    """The ``iss`` of the tokens with which it opens tasks, letter by letter: only those end."""
    keys_file: Path
    """``whsec_`` and base 64, or an Ed25519 key, ``whpk_``; read anew for each message. A second
    line has the former, while it is being changed."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if _NAME.fullmatch(self.orchestrator) is None:
            yield Fault(("orchestrator",), "is no name", "write 1 to 64 of A-Z a-z 0-9 . _ -")
        if not 0 < len(self.issuer) <= _LONGEST or not self.issuer.isprintable():
            yield Fault(("issuer",), "is no issuer", "write the iss of its tokens")


class Ends(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who ends tasks by messages."""

    sources: tuple[EndSource, ...] = ()
    """Those who may. Default nobody."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        known = [each.orchestrator for each in self.sources]
        if len(set(known)) < len(known):
            yield Fault(("sources",), "two are of one orchestrator", "write each once")
