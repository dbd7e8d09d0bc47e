"""What capabilities and targets must mean to each other, found before anything is published."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import UNSET

from backends.contract import Fitted, Flaw, Kind, Revocable, SelfExpiry, Traits
from broker import kinds
from broker.errors import ConfigurationError
from broker.governance.checks import names_of
from broker.governance.document import BundleDocument
from broker.governance.records import CapabilityRecord
from broker.settings.fault import Fault
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles
from broker.settings.typed import Typing
from broker.settings.yaml_document import Node
from broker.targets.settings import Declared, read_targets


def check_targets(
    file: Path | None, files: BundleFiles, document: BundleDocument | None, reading: Reading
) -> None:
    """Read the targets, and hold the capabilities to them; note every fault with file and line.

    Names are compared even where something else is wrong: ``document`` is None then.
    """
    declared = {each.record.name: each for each in read_targets(file, reading)}
    read = reading.document(files.capabilities)
    for fault in _dangling(read.root, _names(file, reading)):
        reading.note_in(read, fault)
    if document is not None:
        _check_capabilities(files, document, declared, reading)


def _check_capabilities(
    files: BundleFiles,
    document: BundleDocument,
    targets: Mapping[str, Declared],
    reading: Reading,
) -> None:
    read = reading.document(files.capabilities)
    for index, record in enumerate(_as_written(document, read.root)):
        node = _template(read.root, index)
        for fault in _faults(record, targets, node, Typing(files.capabilities.parent)):
            reading.note_in(read, fault.under("capabilities", index))


def _names(file: Path | None, reading: Reading) -> set[str] | None:
    """Return what the targets are called, or None where that cannot be read."""
    if file is None:
        return set()
    root = reading.document(file).root
    return names_of(_plain(root), "targets")


def _dangling(root: Node | None, known: set[str] | None) -> Iterator[Fault]:
    """Find capabilities that name a target which is nowhere."""
    listed = _plain(root).get("capabilities")
    for index, record in enumerate(listed if isinstance(listed, list) else ()):
        name = record.get("target") if isinstance(record, dict) else None
        if isinstance(name, str) and known is not None and name not in known:
            remedy = "declare it in the file that `targets` in broker.yaml names"
            yield Fault(("capabilities", index, "target"), f"no target is called {name}", remedy)


def _plain(root: Node | None) -> dict[str, object]:
    plain = None if root is None else root.plain()
    return plain if isinstance(plain, dict) else {}


def _as_written(document: BundleDocument, root: Node | None) -> list[CapabilityRecord]:
    """Put the records in the order of the file, not of the bundle."""
    by_name = {record.name: record for record in document.capabilities}
    listed = root.child("capabilities") if root is not None else None
    items = listed.value if listed is not None and isinstance(listed.value, list) else []
    names = [name.value if (name := item.child("name")) is not None else None for item in items]
    return [by_name[name] for name in names if isinstance(name, str) and name in by_name]


def _faults(
    record: CapabilityRecord, targets: Mapping[str, Declared], node: Node | None, typing: Typing
) -> Iterator[Fault]:
    if not record.target_name:
        return
    target = targets.get(record.target_name)
    if target is None:
        return  # there is none, or it is faulty: that has been said
    if target.record.kind != record.backend:
        remedy = f"write {target.record.kind}, or name another target"
        yield Fault(("backend",), f"{record.target_name} is not of this kind", remedy)
        return
    kind = _kind(record.backend)
    if kind is not None:
        yield from _kind_faults(record, kind, node or Node({}, 0), typing, target.options)


def _kind(name: str) -> Kind | None:
    try:
        return kinds.find(name)
    except ConfigurationError:
        return None  # reading the target has said so


def _kind_faults(
    record: CapabilityRecord, kind: Kind, node: Node, typing: Typing, options: msgspec.Struct
) -> Iterator[Fault]:
    faults = list(typing.faults(node, kind.template))
    yield from (fault.under("template") for fault in faults)
    traits = kind.traits
    if not faults:
        template: msgspec.Struct = typing.convert(node, kind.template)
        flaws = list(_flaws(record, kind, template, options))
        yield from (Fault(("template", *f.path), f.message, f.remedy) for f in flaws)
        if isinstance(kind, Fitted) and not flaws:
            traits = kind.traits_of(options, template)
    yield from _time_faults(record, traits)
    if record.break_glass is not UNSET and traits.self_expiry is not SelfExpiry.FULL:
        message = f"{record.backend} there does not end what it gave by itself: the door must close"
        yield Fault(("break_glass",), message, "remove it; of this target nobody can have that")


def _flaws(
    record: CapabilityRecord, kind: Kind, template: msgspec.Struct, options: msgspec.Struct
) -> Iterator[Flaw]:
    yield from kind.template_flaws(template, frozenset(record.scopes))
    if isinstance(kind, Fitted):
        yield from kind.fit_flaws(options, template)


def _time_faults(record: CapabilityRecord, traits: Traits) -> Iterator[Fault]:
    shortest = -(-traits.shortest_ttl_ms // 1000)
    if record.default_ttl_seconds < shortest:
        yield Fault(
            ("default_ttl_seconds",), f"{record.backend} lives {shortest} s at least", "write more"
        )
    if traits.revocable is Revocable.NEVER and record.max_ttl_seconds > 3600:  # noqa: PLR2004
        yield Fault(
            ("max_ttl_seconds",), "above an hour, and nobody could take it back", "write less"
        )
    if _is_too_long(record, traits):
        message = f"{record.backend} lives {traits.longest_ttl_ms // 1000} s at most there"
        yield Fault(("max_ttl_seconds",), message, "write less")


def _is_too_long(record: CapabilityRecord, traits: Traits) -> bool:
    return 0 < traits.longest_ttl_ms < record.max_ttl_seconds * 1000


def _template(root: Node | None, index: int) -> Node | None:
    node = root
    for step in ("capabilities", index, "template"):
        node = node.child(step) if node is not None else None
    return node
