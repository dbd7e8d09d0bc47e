"""The members of a run file: what each may be, and which cannot be meant.

They are called as the options of `broker run` are. Which broker there is, who speaks to it and
which open task is taken are no members: what comes with somebody's repository must not be able to
send a token anywhere.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import click
from msgspec import Meta, Struct

from broker.cli.durations import DURATION, SPAN, Duration
from broker.settings.fault import Fault

Word = Annotated[str, Meta(min_length=1)]

Length = str | int
"""``90s``, ``15m``, ``8h``, ``1d``, or seconds."""

LENGTHS: Final[Mapping[str, Duration]] = {
    "ttl": SPAN,
    "idle": SPAN,
    "credential_ttl": SPAN,
    "grace": DURATION,
    "wait_for_approval": DURATION,
}


class NeedSpec(Struct, forbid_unknown_fields=True, frozen=True, rename={"shapes": "as"}):
    """One need; ``as`` is one shape or a list of them."""

    capability: Word
    scopes: Annotated[list[Word], Meta(min_length=1)] = []
    name: Word = ""
    shapes: list[Word] | Word = []
    credential_ttl: Length | None = None

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and cannot be meant."""
        return _faults_of_lengths(self)


class ProxySpec(Struct, forbid_unknown_fields=True, frozen=True):
    """The proxy; ``routes`` as docs/proxy.md has them."""

    routes: list[dict[str, Any]]
    only_declared: bool = False
    upstream_ca: Path | None = None
    log: Path | None = None


class RunSpec(Struct, forbid_unknown_fields=True, frozen=True):
    """A run file. What is left out is as if the option were."""

    needs: list[NeedSpec] = []
    task: Word = ""
    agent: Word = ""
    tenant: Word = ""
    ttl: Length | None = None
    idle: Length | None = None
    on_behalf_of: Word = ""
    tickets: list[Word] = []
    resources: list[Word] = []
    parent: Word = ""
    opener_token_file: Path | None = None
    on_revoked: Literal["term", "warn"] | None = None
    grace: Length | None = None
    wait_for_approval: Length | None = None
    may_ask: bool = False
    keep_env: list[Word] = []
    proxy: ProxySpec | None = None
    command: list[Word] = []

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and cannot be meant."""
        return _faults_of_lengths(self)


def seconds_of(member: str, length: Length) -> int:
    """Return how long that is.

    Raises:
        ValueError: it is no length, or too short for that member.
    """
    try:
        return LENGTHS[member].convert(str(length), None, None)
    except click.BadParameter as error:
        raise ValueError(error.message) from error


def _faults_of_lengths(spec: NeedSpec | RunSpec) -> Iterator[Fault]:
    for name in LENGTHS:
        if (length := getattr(spec, name, None)) is not None:
            try:
                seconds_of(name, length)
            except ValueError as error:
                yield Fault((name,), str(error), "or leave it out")
