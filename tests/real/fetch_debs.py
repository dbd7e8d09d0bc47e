"""Debian packages for a part: downloaded, compared with their pins, unpacked; never installed."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.+-]+)=(?P<version>\S+) sha256:(?P<sha256>[0-9a-f]{64})"
)

Run = Callable[[Sequence[str], Path], None]
"""Runs a command in a folder; raises if it fails."""


class NotFetchedError(Exception):
    """A part could not be had; the text says why."""


class WrongDebError(NotFetchedError):
    """A package is not the one that was pinned, or is not there."""


@dataclass(frozen=True)
class Deb:
    """One pinned package."""

    name: str
    version: str
    sha256: str

    def file_in(self, folder: Path) -> Path:
        """Return where ``apt-get download`` has put it.

        Raises:
            WrongDebError: it is not there.
        """
        # A colon of the version (an epoch) is written so by apt; the architecture is the machine's.
        found = list(folder.glob(f"{self.name}_{self.version.replace(':', '%3a')}_*.deb"))
        if len(found) != 1:
            raise WrongDebError(f"{self.name}={self.version} did not come")
        return found[0]


def pinned(text: str) -> Iterator[Deb]:
    """Read the pins.

    Raises:
        ValueError: a line is none.
    """
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not name=version sha256:…: {line}")
        yield Deb(**match.groupdict())


def unpack(pins: str, workshop: Path, place: Path, run: Run) -> None:
    """Download every package into a folder of its own, compare all of them, and unpack them.

    Raises:
        WrongDebError: one is not the one that was pinned; nothing is unpacked then.
    """
    debs = list(pinned(pins))
    folder = workshop / "debs"
    folder.mkdir()
    _download([f"{deb.name}={deb.version}" for deb in debs], folder, run)
    files = [_compared(deb, folder) for deb in debs]
    place.mkdir()
    for file in files:
        run(["dpkg-deb", "--extract", str(file), str(place)], folder)


def _download(names: Sequence[str], folder: Path, run: Run) -> None:
    try:
        run(["apt-get", "download", "-q", *names], folder)
    except NotFetchedError:
        # The machine's own lists may be old or absent; they stay as they are.
        apt = ["apt-get", "-q", *_own_lists(folder)]
        run([*apt, "update"], folder)
        run([*apt, "download", *names], folder)


def _own_lists(folder: Path) -> Iterator[str]:
    for what in ("State::Lists", "Cache"):
        place = folder / what.rpartition(":")[2].lower()
        (place / "partial").mkdir(parents=True)
        yield from ("-o", f"Dir::{what}={place}")


def _compared(deb: Deb, folder: Path) -> Path:
    file = deb.file_in(folder)
    if hashlib.sha256(file.read_bytes()).hexdigest() != deb.sha256:
        raise WrongDebError(f"{deb.name}={deb.version} is not the one that was pinned")
    return file
