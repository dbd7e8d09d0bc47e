"""Importing many relationships: JSON lines or CSV, all or nothing.

A line of JSON is an object with ``subject``, ``relation``, ``object`` and perhaps ``expires``; CSV
has these names in its first line. All faults are told, each with its line.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.errors import InvalidRequestError
from broker.facts.change import MAX_IMPORT, ChangeSet, Relate
from broker.facts.fault import MAX_FAULTS, ChangeFault
from broker.facts.text_form import relationship_of
from broker.model.fact import Relationship, RelationshipKey
from broker.strict_json import loads_object

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_LINE: Final = 4_096

NEEDED: Final = ("subject", "relation", "object")
KNOWN: Final = (*NEEDED, "expires")


class Form(StrEnum):
    """How the lines are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong in one line (from 1; 0 is the whole), and what to do about it."""

    line: int
    field: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Import:
    """What was read, and from which lines. With ``faults`` nothing of it may be used."""

    relationships: tuple[Relationship, ...]
    lines: tuple[int, ...]
    faults: tuple[LineFault, ...]

    def change(self, by: str, reason: str, source: str = "") -> ChangeSet:
        """Return the set that makes all of it."""
        return ChangeSet(by, reason, tuple(map(Relate, self.relationships)), source)

    def located(self, faults: Iterable[ChangeFault]) -> tuple[LineFault, ...]:
        """Say in which lines the faults of that set lie."""
        return tuple(self._located(fault) for fault in faults)

    def _located(self, fault: ChangeFault) -> LineFault:
        line = self.lines[fault.index] if fault.index >= 0 else 0
        field = fault.field.removeprefix("relationship.")
        return LineFault(line, field, fault.message, fault.remedy)


Parts = dict[str, str]


def read_import(raw: bytes, tenant: str, form: Form, *, limit: int = MAX_IMPORT) -> Import:
    """Read the lines of one tenant. What is wrong comes back in ``faults``."""
    if len(raw) > MAX_BYTES:
        message = f"{len(raw)} bytes"
        return _none(LineFault(0, "", message, f"send at most {MAX_BYTES} at once"))
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _none(LineFault(line, "", "is not UTF-8", "write it as UTF-8"))
    rows = _json_rows if form is Form.JSON_LINES else _csv_rows
    return _Gathering(tenant, limit).read(rows(text.removeprefix("\ufeff")))


Row = tuple[int, Callable[[], Parts]]
"""A line's number, and what reads it or raises."""


class _Gathering:
    def __init__(self, tenant: str, limit: int) -> None:
        self._tenant = tenant
        self._limit = limit
        self._found: dict[RelationshipKey, tuple[int, Relationship]] = {}
        self._faults: list[LineFault] = []

    def read(self, rows: Iterable[Row]) -> Import:
        for number, parts in rows:
            if len(self._found) >= self._limit:
                self._fault(number, "", f"more than {self._limit} relationships", "send fewer")
                break
            self._take(number, parts)
            if len(self._faults) >= MAX_FAULTS:
                self._fault(number, "", "too many faults", "mend these first, then try again")
                break
        if not self._found and not self._faults:
            self._fault(0, "", "nothing is in it", "write one relationship a line")
        lines = tuple(line for line, _ in self._found.values())
        found = tuple(each for _, each in self._found.values())
        return Import(found, lines, tuple(self._faults))

    def _take(self, number: int, parts: Callable[[], Parts]) -> None:
        try:
            said = parts()
            each = _relationship(said, self._tenant)
        except InvalidRequestError as error:
            message, _, remedy = str(error).partition(": ")
            field = error.field.removeprefix("relationship").removeprefix(".")
            self._fault(number, field, message, remedy or "mend the line")
            return
        first, _ = self._found.setdefault(each.key, (number, each))
        if first != number:
            self._fault(number, "", f"is line {first} again", "keep one of them")

    def _fault(self, line: int, field: str, message: str, remedy: str) -> None:
        self._faults.append(LineFault(line, field, message, remedy))


def _relationship(parts: Parts, tenant: str) -> Relationship:
    for name in NEEDED:
        if not parts.get(name):
            raise InvalidRequestError("is missing: write it down", field=name)
    subject, relation, object_ = (parts[name] for name in NEEDED)
    return relationship_of(subject, relation, object_, parts.get("expires", ""), tenant)


def _none(fault: LineFault) -> Import:
    return Import((), (), (fault,))


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, lambda line=line: _json_parts(line)  # type: ignore[misc]  # bound per line


def _json_parts(line: str) -> Parts:
    parts: Parts = {}
    for name, value in loads_object(line.encode(), max_bytes=MAX_LINE, field="").items():
        if name not in KNOWN:
            raise InvalidRequestError(f"an unknown member: write {', '.join(KNOWN)}", field="")
        if not isinstance(value, str):
            raise InvalidRequestError("is no text: write it in quotes", field=name)
        parts[name] = value
    return parts


def _csv_rows(text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, _raising(f"is no CSV: {error}")
            return
        if header is None:
            header = row
            if not _is_header(header):
                message = f"names no columns: begin with {','.join(NEEDED)} or {','.join(KNOWN)}"
                yield reader.line_num, _raising(message)
                return
        elif row:
            yield reader.line_num, _csv_reading(header, row)


def _is_header(names: list[str]) -> bool:
    return len(set(names)) == len(names) and set(NEEDED) <= set(names) <= set(KNOWN)


def _csv_reading(header: list[str], row: list[str]) -> Callable[[], Parts]:
    if len(row) != len(header):
        return _raising(f"has {len(row)} columns: write {len(header)}")
    return lambda: dict(zip(header, row, strict=True))


def _raising(message: str) -> Callable[[], Parts]:
    def fail() -> Parts:
        raise InvalidRequestError(message, field="")

    return fail
