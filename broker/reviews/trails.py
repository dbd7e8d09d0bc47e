"""Reading audit trails for a review: streamed, each record once, and verified on the way.

Files may be the parts of one rotated trail, in their order, or copies of several brokers: what is
in two of them counts once. Each is held to the chain that its lines form; what breaks it is told,
and the packet says that its evidence is not verified.
"""

import gzip
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from broker.audit.record import GENESIS
from broker.audit.trail_file import MAX_LINE
from broker.audit.verify import TrailReader

_TOLD: Final = 1000
"""Lines between two words on how far it is."""

MOST_FAULTS: Final = 20

Tell = Callable[[int, int], None]
"""Is told how many bytes of how many were read."""


class Evidence(msgspec.Struct):
    """What was read, and whether it can be believed.

    ``since`` and ``until`` are when its first and last records were made.
    """

    files: tuple[str, ...]
    lines: int = 0
    records: int = 0
    since: str = ""
    until: str = ""
    verified: bool = True
    faults: tuple[str, ...] = ()
    gaps: int = 0


class Trails:
    """Some files, read as one."""

    def __init__(self, files: Sequence[Path], tell: Tell) -> None:
        self._files = files
        self._tell = tell
        self._total = sum(path.stat().st_size for path in files)
        self._done = 0
        self._before: dict[str, int] = {}
        self._here: dict[str, int] = {}
        self.evidence = Evidence(tuple(path.name for path in files))

    def records(self) -> Iterator[Mapping[str, object]]:
        """Yield every record once.

        Raises:
            OSError: a file cannot be read to its end.
        """
        end = GENESIS
        for path in self._files:
            end = yield from self._of(path, end)
        self._tell(self._total, self._total)

    def _of(self, path: Path, end: str) -> Generator[Mapping[str, object], None, str]:
        reader = TrailReader(None, follows=end)
        with closing(_open(path)) as file:
            while line := file.readline(MAX_LINE + 1):
                record = reader.read(line)
                self._progress(path, reader.findings.lines, file)
                if record and self._is_new(record):
                    yield record
        self._done += path.stat().st_size
        # Only what a former file has is left out: a line that lies of its place hides none here.
        self._before |= self._here
        self._judge(path, reader)
        return reader.end_digest

    def _progress(self, path: Path, lines: int, file: BinaryIO) -> None:
        self.evidence.lines += 1
        if lines % _TOLD == 0:
            raw = getattr(file, "fileobj", None) or file
            self._tell(self._done + min(raw.tell(), path.stat().st_size), self._total)

    def _is_new(self, record: Mapping[str, object]) -> bool:
        epoch, seq = str(record["epoch"]), int(str(record["seq"]))
        if seq <= self._before.get(epoch, -1):
            return False
        self._here[epoch] = max(seq, self._here.get(epoch, -1))
        at = str(record["at"])
        found = self.evidence
        found.records += 1
        found.since = min(found.since or at, at)
        found.until = max(found.until, at)
        return True

    def _judge(self, path: Path, reader: TrailReader) -> None:
        found = self.evidence
        found.gaps += len(reader.findings.gaps)
        if reader.findings.faults:
            found.verified = False
            told = [f"{path.name}:{f.line}: {f.what}" for f in reader.findings.faults]
            found.faults = (*found.faults, *told)[:MOST_FAULTS]


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")
