"""Reach as it is written: in a capability, and in the answer that delivers a credential."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from broker.reach.hosts import HIGHEST_PORT

MOST_LINES: Final = 64
MOST_METHODS: Final = 16
MOST_PATHS: Final = 32
MOST_CHARS: Final = 256
"""Of one path. All bounds together leave a lease far smaller than an answer may be."""

Method = Annotated[str, Meta(max_length=32)]
Path = Annotated[str, Meta(max_length=MOST_CHARS)]


class ReachLine(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One server, and what of it is open. An unknown member is refused: it might narrow."""

    host: Annotated[str, Meta(max_length=253)]
    methods: Annotated[tuple[Method, ...], Meta(max_length=MOST_METHODS)]
    paths: Annotated[tuple[Path, ...], Meta(max_length=MOST_PATHS)]
    scheme: Literal["https", "http"] = "https"
    port: Annotated[int, Meta(ge=0, le=HIGHEST_PORT)] = 0
    """0: the scheme's own."""


class ScopedLine(
    ReachLine, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A line that some scopes of a capability open; unset: every scope does."""

    scopes: tuple[str, ...] | UnsetType = UNSET

    def is_opened_by(self, granted: Iterable[str]) -> bool:
        """Tell whether a credential with these scopes has it."""
        return self.scopes is UNSET or not set(self.scopes).isdisjoint(granted)

    def unscoped(self) -> ReachLine:
        """Return it as whoever holds the credential is told it."""
        return ReachLine(
            host=self.host,
            methods=self.methods,
            paths=self.paths,
            scheme=self.scheme,
            port=self.port,
        )


def opened(lines: Iterable[ScopedLine], granted: Iterable[str]) -> tuple[ReachLine, ...]:
    """Return the lines that these scopes open, each once; none at all is an answer, too."""
    scopes = frozenset(granted)
    found = [line.unscoped() for line in lines if line.is_opened_by(scopes)]
    return tuple(dict.fromkeys(found))
