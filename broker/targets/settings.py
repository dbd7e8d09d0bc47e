"""``targets.yaml``: the servers at which credentials are minted and killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from broker import kinds
from broker.errors import ConfigurationError
from broker.settings.fault import Fault
from broker.settings.load import Loaded, Reading
from broker.settings.settings import Settings
from broker.settings.typed import Typing
from broker.settings.yaml_document import Node

SHORTEST_RECONCILE_S: Final = 10
"""Comparing reads the whole of both."""

Name = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9._-]{0,63}\Z",
        description="1 to 64 of a-z 0-9 . _ -, the first a letter or digit",
    ),
]


class TargetRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One target. ``options`` are the kind's own."""

    name: Name
    kind: str
    options: dict[str, Any]
    deadline_ms: Annotated[int, Meta(ge=100, le=60_000)] = 5_000
    """How long minting one credential, or one try to kill one, may take. Default 5000."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 4
    """Calls under way at once, for minting and for killing each. Default 4."""
    queue: Annotated[int, Meta(ge=1, le=10_000)] = 32
    """Calls that wait for a thread; beyond them minting is refused. Default 32."""
    failures: Annotated[int, Meta(ge=1, le=1_000)] = 5
    """Unanswered calls in a row after which minting is refused at once. Default 5."""
    rest_ms: Annotated[int, Meta(ge=100, le=600_000)] = 10_000
    """For how long, before one mint tries again. Default 10000."""
    overdue_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60
    """How long after its end a credential may be alive here before the alarm. Default 60."""
    reconcile_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 3_600
    """How often some broker compares the ledger with what is here; 0: never. Default 3600."""


class TargetsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``targets.yaml``."""

    targets: tuple[TargetRecord, ...]

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        seen: set[str] = set()
        for index, record in enumerate(self.targets):
            if record.name in seen:
                yield Fault(("targets", index, "name"), "is there already", "rename one of them")
            seen.add(record.name)
            if 0 < record.reconcile_seconds < SHORTEST_RECONCILE_S:
                path = ("targets", index, "reconcile_seconds")
                yield Fault(path, "too often", f"write 0, or {SHORTEST_RECONCILE_S} and more")


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A target whose options are of its kind's own type."""

    record: TargetRecord
    options: msgspec.Struct


def read_targets(file: Path | None, reading: Reading) -> tuple[Declared, ...]:
    """Read the targets that the settings name, noting what is wrong; none without a file."""
    loaded = None if file is None else reading.read(file, TargetsFile)
    if file is None or loaded is None:
        return ()
    typing = Typing(file.parent)
    found = [_declared(index, loaded, typing, reading) for index in range(_count(loaded))]
    return tuple(each for each in found if each is not None)


def load_targets(settings: Settings) -> tuple[Declared, ...]:
    """Read the targets.

    Raises:
        ConfigurationError: something is wrong with them; it carries everything.
    """
    reading = Reading()
    declared = read_targets(settings.targets, reading)
    reading.finish()
    return declared


def _count(loaded: Loaded[TargetsFile]) -> int:
    return len(loaded.value.targets)


def _declared(
    index: int, loaded: Loaded[TargetsFile], typing: Typing, reading: Reading
) -> Declared | None:
    record = loaded.value.targets[index]
    path = ("targets", index)
    try:
        kind = kinds.find(record.kind)
    except ConfigurationError as error:
        reading.note_in(loaded.document, Fault((*path, "kind"), str(error), "install it"))
        return None
    if kind is None:
        remedy = f"write one of: {', '.join(kinds.known()[1:])}"
        reading.note_in(loaded.document, Fault((*path, "kind"), "no such kind", remedy))
        return None
    node = _node(loaded, index)
    faults = list(typing.faults(node, kind.options))
    for fault in faults:
        reading.note_in(loaded.document, fault.under(*path, "options"))
    return None if faults else Declared(record=record, options=typing.convert(node, kind.options))


def _node(loaded: Loaded[TargetsFile], index: int) -> Node:
    node = loaded.document.root
    for step in ("targets", index, "options"):
        node = node.child(step) if node is not None else None
    return node if node is not None else Node({}, 0)
