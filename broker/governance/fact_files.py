"""Files of facts, as ``broker apply -f`` reads them: strictly, with the place of every fault.

A file speaks for one source and one tenant. Several files may speak for the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.errors import InvalidRequestError, LocatedFault
from broker.facts.change import Change, ChangeSet, DropThing, PutThing, Relate
from broker.facts.documents import Declaration
from broker.facts.fault import ChangeFault
from broker.governance.fact_records import SECTIONS, FactsFile, entry_relationship
from broker.model.fact import Ref, Relationship, RelationshipKey
from broker.settings.fault import Fault
from broker.settings.fault import Path as FaultPath
from broker.settings.load import Loaded, Reading
from broker.settings.yaml_document import Document

Named = Ref | RelationshipKey

RELATIONSHIPS: Final = "relationships"


@dataclass(frozen=True, slots=True)
class _Place:
    document: Document
    path: FaultPath


@dataclass(frozen=True, slots=True)
class DeclaredFacts:
    """What a set of files declares, by source and tenant, and where each of it is written."""

    declarations: tuple[Declaration, ...]
    places: Mapping[Named, _Place]
    is_whole: bool = True
    """Whether all files are in it, for what is wrong with the rest says little otherwise."""

    def located(self, change: ChangeSet, faults: Iterable[ChangeFault]) -> Iterator[LocatedFault]:
        """Say where in the files the faults of a set that was made of them lie.

        What is not written anywhere (it is to go because nothing declares it any more) is named.
        """
        for fault in faults:
            named = _named(change.changes[fault.index]) if fault.index >= 0 else None
            place = None if named is None else self.places.get(named)
            if place is None:
                name = str(named or change.source)
                yield LocatedFault("declared facts", 0, name, fault.message, fault.remedy)
            else:
                path = (*place.path, *_member(place, fault.field))
                yield place.document.locate(Fault(path, fault.message, fault.remedy))


def fact_file_paths(paths: Iterable[Path], reading: Reading) -> Iterator[Path]:
    """Yield the files that are named, and of each folder the YAML files in it, by name.

    Files whose names begin with a dot are nobody's. A folder without any is a fault.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(each for each in path.iterdir() if _is_yaml(each))
        if not found:
            fault = LocatedFault(str(path), 0, "", "holds no file of facts", "name one that does")
            reading.note(fault)
        yield from found


def _is_yaml(path: Path) -> bool:
    is_seen = not path.name.startswith(".")
    return is_seen and path.suffix in (".yaml", ".yml") and path.is_file()


def read_fact_files(paths: Iterable[Path], reading: Reading) -> DeclaredFacts:
    """Read files; what is wrong is noted, and what cannot be read is left out."""
    gathering = _Gathering(reading)
    for path in dict.fromkeys(paths):
        loaded = reading.read(path, FactsFile)
        if loaded is None:
            gathering.is_whole = False
        else:
            gathering.take(loaded)
    return gathering.finish()


class _Gathering:
    def __init__(self, reading: Reading) -> None:
        self.is_whole = True
        self._reading = reading
        self._places: dict[Named, _Place] = {}
        self._declared: dict[tuple[str, str], Declaration] = {}

    def take(self, loaded: Loaded[FactsFile]) -> None:
        file = loaded.value
        things = []
        for section in SECTIONS:
            for index, entry in enumerate(getattr(file, section)):
                thing = entry.thing(file.tenant)
                if self._is_new(thing.ref, loaded.document, (section, index)):
                    things.append(thing)
        edges = [
            each
            for index, each in _readable(file)
            if self._is_new(each.key, loaded.document, (RELATIONSHIPS, index))
        ]
        self._add(Declaration(file.source, file.tenant, tuple(things), tuple(edges)))

    def finish(self) -> DeclaredFacts:
        return DeclaredFacts(tuple(self._declared.values()), self._places, self.is_whole)

    def _is_new(self, named: Named, document: Document, path: FaultPath) -> bool:
        first = self._places.setdefault(named, _Place(document, path))
        if (first.document, first.path) == (document, path):
            return True
        at = first.document.locate(Fault(first.path, "", ""))
        fault = Fault(path, f"{named} is declared in {at.file}:{at.line} too", "keep one of them")
        self._reading.note_in(document, fault)
        return False

    def _add(self, more: Declaration) -> None:
        key = (more.source, more.tenant)
        so_far = self._declared.get(key, Declaration(*key))
        self._declared[key] = Declaration(
            *key, so_far.things + more.things, so_far.relationships + more.relationships
        )


def _readable(file: FactsFile) -> Iterator[tuple[int, Relationship]]:
    """Yield what has its form; the rest is among the file's own faults."""
    for index, entry in enumerate(file.relationships):
        try:
            yield index, entry_relationship(entry, file.tenant)
        except InvalidRequestError:
            continue


def _named(change: Change) -> Named | None:
    match change:
        case PutThing(thing=thing):
            return thing.ref
        case DropThing(ref=ref):
            return ref
        case Relate(relationship=relationship):
            return relationship.key
        case _:
            return getattr(change, "key", None) or getattr(change, "ref", None)


def _member(place: _Place, field: str) -> FaultPath:
    """Lead to the member of a record that a fault names, if it is written there."""
    _, _, member = field.partition(".")
    name = {"expires_at_ms": "expires"}.get(member, member.partition("[")[0])
    root = place.document.root
    node = root
    for step in place.path:
        node = node.child(step) if node is not None else None
    is_there = node is not None and node.child(name) is not None
    return (name,) if is_there else ()
