"""What a capability's credentials are for, as its file states it."""

from collections.abc import Collection, Iterator
from typing import Final

import msgspec
from msgspec import UNSET

from broker.reach.grammar import UnfitError
from broker.reach.lines import MOST_LINES, ScopedLine
from broker.reach.reach import Opening
from broker.settings.fault import Fault

_WITHOUT_HTTP: Final = frozenset({"postgres"})
"""Kinds whose credentials log in to something that speaks no HTTP."""


class ReachRecord(
    ScopedLine, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One server, what of it is open, and to which scopes."""

    def __lt__(self, other: "ReachRecord") -> bool:
        """Give lines one order: that of their text, since members may be left out."""
        return msgspec.json.encode(self) < msgspec.json.encode(other)

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        try:
            Opening.of(self)
        except UnfitError as error:
            yield Fault((error.member,), "cannot be meant", error.remedy)
        if self.scopes is not UNSET and not self.scopes:
            remedy = "name at least one, or remove it: then every scope opens this line"
            yield Fault(("scopes",), "empty, so nothing would open it", remedy)


def reach_faults(
    lines: tuple[ReachRecord, ...], *, scopes: Collection[str], backend: str
) -> Iterator[Fault]:
    """Find what does not go with the capability; paths begin at its ``reach``."""
    if backend in _WITHOUT_HTTP:
        yield Fault((), f"{backend} speaks no HTTP, so there is nothing to check", "remove it")
    if not lines:
        yield Fault((), "empty, so its credentials would be for nothing", "name one, or remove it")
    if len(lines) > MOST_LINES:
        yield Fault((), f"more than {MOST_LINES} lines", "join some, or make two capabilities")
    for index, line in enumerate(lines):
        for at, scope in enumerate(() if line.scopes is UNSET else line.scopes):
            if scope not in scopes:
                path = (index, "scopes", at)
                yield Fault(path, f"{scope} is no scope of it", "name one of scopes")
