"""Changes of facts, one a line, as JSON; every fault with its line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from broker import strict_json
from broker.cli.progress import Teller
from broker.errors import (
    ConfigurationError,
    InvalidChangeError,
    InvalidRequestError,
    LocatedFault,
    MemberFault,
)
from broker.facts.bulk import Form, read_import
from broker.facts.change import MAX_IMPORT, Change, Relate
from broker.http.bodies import named_fault
from broker.http.parse_facts import Reading
from broker.http.wire_facts import ChangeBody
from broker.model.fact import Hold

MAX_LINE: Final = 65_536
"""Bytes of one line."""

MOST_FAULTS: Final = 1_000
_STEP: Final = 1_000
_PLACE: Final = re.compile(r"changes\[(?P<at>[0-9]+)\]\.?(?P<member>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Lines:
    """The changes of a file, and in which line each of them is."""

    file: Path
    changes: tuple[Change, ...]
    numbers: tuple[int, ...]

    def located(self, error: InvalidChangeError) -> ConfigurationError:
        """Say of each fault of these changes in which line it is."""
        found = (_located(self.file, self.numbers, each) for each in error.faults)
        return ConfigurationError(faults=tuple(found))


def read_lines(file: Path, hold: Hold, teller: Teller) -> Lines:
    """Read a file; empty lines are passed over.

    Raises:
        ConfigurationError: lines cannot be read; it has every fault.
    """
    reader = _Reader(file, Reading(hold))
    lines = _lines(file)
    for number, line in enumerate(lines, 1):
        if number % _STEP == 0 or number == len(lines):
            teller.tell("lines read", number, len(lines))
        reader.read(number, line)
    return reader.finish()


def read_pairs(file: Path, tenant: str) -> Lines:
    """Read a file of one tenant's relationships, as CSV by its name, or as JSON lines.

    Raises:
        ConfigurationError: lines cannot be read; it has every fault.
    """
    form = Form.CSV if file.suffix.lower() == ".csv" else Form.JSON_LINES
    read = read_import(_raw(file), tenant, form)
    if read.faults:
        faults = (
            LocatedFault(str(file), each.line, each.field, each.message, each.remedy)
            for each in read.faults
        )
        raise ConfigurationError(faults=tuple(faults))
    return Lines(file, tuple(map(Relate, read.relationships)), read.lines)


def _raw(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fault = LocatedFault(str(file), 0, "", f"cannot be read: {error.strerror}", "check it")
        raise ConfigurationError(faults=(fault,)) from error


def _lines(file: Path) -> Sequence[bytes]:
    lines = _raw(file).splitlines()
    if len(lines) > MAX_IMPORT:
        words = (f"{len(lines)} lines", f"import at most {MAX_IMPORT} at once")
        raise ConfigurationError(faults=(LocatedFault(str(file), 0, "", *words),))
    return lines


@dataclass(slots=True)
class _Reader:
    file: Path
    reading: Reading
    changes: list[Change] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    faults: list[LocatedFault] = field(default_factory=list)

    def read(self, number: int, line: bytes) -> None:
        """Read one line, and note what is wrong with it."""
        if not line.strip() or len(self.faults) >= MOST_FAULTS:
            return
        try:
            body = msgspec.convert(strict_json.loads(line, max_bytes=MAX_LINE), ChangeBody)
            [change] = self.reading.changes([body])
        except InvalidChangeError as error:
            self.faults += (_located(self.file, (number,), each) for each in error.faults)
        except InvalidRequestError as error:
            self._fault(number, error)
        except msgspec.ValidationError as error:
            self._fault(number, named_fault(str(error)))
        else:
            self.changes.append(change)
            self.numbers.append(number)

    def finish(self) -> Lines:
        """Return what was read, or everything that is wrong."""
        if not self.changes and not self.faults:
            words = ("holds no change", "write one a line, as JSON")
            self.faults.append(LocatedFault(str(self.file), 0, "", *words))
        if self.faults:
            raise ConfigurationError(faults=tuple(self.faults))
        return Lines(self.file, tuple(self.changes), tuple(self.numbers))

    def _fault(self, number: int, error: InvalidRequestError) -> None:
        told = MemberFault(f"changes[0].{error.field}", str(error))
        self.faults.append(_located(self.file, (number,), told))


def _located(file: Path, numbers: Sequence[int], fault: MemberFault) -> LocatedFault:
    place = _PLACE.fullmatch(fault.field)
    at = int(place["at"]) if place else -1
    line = numbers[at] if 0 <= at < len(numbers) else 0
    message, _, remedy = fault.detail.rpartition(": ")
    member = place["member"] if place else fault.field
    return LocatedFault(str(file), line, member, message or fault.detail, remedy or "mend it")
