"""Reading configuration files: all of them, and all their faults, before anything is said.

A :class:`Reading` goes through any number of files and gathers; :meth:`Reading.finish` raises one
:class:`~broker.errors.ConfigurationError` that carries everything.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from broker.errors import ConfigurationError, LocatedFault
from broker.settings.fault import Fault
from broker.settings.plain_text import MAX_BYTES, UnreadableTextError, plain_text
from broker.settings.typed import Typing
from broker.settings.yaml_document import Document, parse_yaml, unreadable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """A typed value together with the document it came from, to locate what is found later."""

    value: T
    document: Document


class Reading:
    """One reading of the configuration. It gathers faults and raises only when told to."""

    def __init__(self) -> None:
        self._faults: list[LocatedFault] = []
        self._documents: dict[Path, Document] = {}

    def read(self, path: Path, type_: type[T]) -> Loaded[T] | None:
        """Read one file, noting what is wrong; None when there is no value of that type in it.

        A value of the right type that its own ``faults()`` call wrong is still returned, so that
        other checks can go on.
        """
        document = self.document(path)
        self._faults += document.faults
        if document.root is None:
            return None
        typing = Typing(path.parent)
        self._faults += map(document.locate, typing.faults(document.root, type_))
        try:
            return Loaded(typing.convert(document.root, type_), document)
        except msgspec.ValidationError:
            return None

    def document(self, path: Path) -> Document:
        """Return a file's document, whatever it is worth; its faults are not noted by this."""
        if path not in self._documents:
            self._documents[path] = _read_document(path)
        return self._documents[path]

    def part(self, path: Path, name: str, type_: type[T]) -> T | None:
        """Read one setting of a file whose faults :meth:`read` has noted; None when it is faulty.

        So that what a broken file points to is looked at in the same run.
        """
        root = self.document(path).root
        entries = root.value if root is not None else None
        node = entries.get(name) if isinstance(entries, dict) else None
        try:
            return None if node is None else Typing(path.parent).convert(node, type_)
        except msgspec.ValidationError:
            return None

    def read_text(self, path: Path) -> str | None:
        """Read a file that is not YAML, or note why it cannot be read and return None."""
        try:
            return plain_text(read_bytes(path))
        except UnreadableTextError as error:
            self.note(LocatedFault(str(path), error.line, "", str(error), error.remedy))
        except OSError as error:
            self.note(*_unreadable(path, error).faults)
        return None

    def note(self, *faults: LocatedFault) -> None:
        """Add faults found elsewhere."""
        self._faults += faults

    def note_in(self, document: Document, fault: Fault) -> None:
        """Add a fault of something that this document says."""
        self._faults.append(document.locate(fault))

    @property
    def faults(self) -> tuple[LocatedFault, ...]:
        """What was found so far: each once, file after file as they were read, line by line."""
        files = list(dict.fromkeys(fault.file for fault in self._faults))
        unique = dict.fromkeys(self._faults)
        return tuple(sorted(unique, key=lambda fault: (files.index(fault.file), fault.line)))

    def finish(self) -> None:
        """End the reading.

        Raises:
            ConfigurationError: anything was wrong anywhere.
        """
        if self._faults:
            raise ConfigurationError(faults=self.faults)


def load_document(path: Path, type_: type[T]) -> T:
    """Read one file by itself.

    Raises:
        ConfigurationError: it cannot be read, or is not plain YAML, or not of the type, or faulty.
    """
    reading = Reading()
    loaded = reading.read(path, type_)
    reading.finish()
    if loaded is None:
        raise ConfigurationError(f"{path}: nothing could be read")
    return loaded.value


def read_bytes(path: Path) -> bytes:
    """Read a file's bytes, but never more than one beyond what is accepted.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _read_document(path: Path) -> Document:
    try:
        return parse_yaml(read_bytes(path), str(path))
    except OSError as error:
        return _unreadable(path, error)


def _unreadable(path: Path, error: OSError) -> Document:
    reason = error.strerror or "unknown error"
    return unreadable(str(path), f"cannot be read: {reason}", "check the path and its rights")
