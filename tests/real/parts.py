"""The real parts that ``parts.toml`` declares, and where they are once they were fetched."""

import hashlib
import platform
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

HERE: Final = Path(__file__).parent
DECLARED: Final = HERE / "parts.toml"
GO_FILES: Final = ("go.mod", "go.sum")
"""What is built, and the digests of all modules that it is built from."""
SHELF: Final = HERE.parents[1] / ".cache" / "parts"

_WORD = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9.-]*\Z")]
_FOLDER = Annotated[str, msgspec.Meta(pattern=r"\A(\.\./)*[a-z0-9][a-z0-9./-]*\Z")]
_PACKAGE = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9./-]*\Z")]
_SHA256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_TEXT = Annotated[str, msgspec.Meta(min_length=1)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of ``parts.toml``, which says what each member means."""

    name: _WORD
    package: _PACKAGE
    version: _WORD
    provides: _TEXT
    needs: _TEXT
    proves: Annotated[tuple[_TEXT, ...], msgspec.Meta(min_length=1)]
    tier: Literal["ci", "extra"]
    sha256: tuple[_SHA256, ...] = ()
    machines: tuple[_TEXT, ...] = ()
    lock: _WORD | None = None
    npm: _FOLDER | None = None
    go: _WORD | None = None
    deb: _WORD | None = None
    python: Annotated[str, msgspec.Meta(pattern=r"\A3\.[0-9]+\Z")] | None = None

    def __post_init__(self) -> None:
        """Hold a part to one way of being pinned.

        Raises:
            ValueError: it has several, or none.
        """
        if sum(map(bool, (self.sha256, self.npm, self.go, self.deb))) != 1:
            wanted = "sha256 (a wheel), npm and go (a folder), and deb (a file)"
            raise ValueError(f"{self.name}: give one of {wanted}")

    @property
    def fits_here(self) -> bool:
        """Whether it runs on a machine like this one."""
        return not self.machines or f"{platform.system()} {platform.machine()}" in self.machines

    def requirements(self, directory: Path) -> str:
        """Return all that is installed, pinned by version and digest, as its installer reads it.

        Raises:
            OSError: the lock file is not in the directory.
        """
        if self.npm:
            return (directory / self.npm / "package-lock.json").read_text(encoding="utf-8")
        if self.go:
            files = [directory / self.go / name for name in GO_FILES]
            return "".join(file.read_text(encoding="utf-8") for file in files)
        if self.deb:
            return (directory / self.deb).read_text(encoding="utf-8")
        digests = " ".join(f"--hash=sha256:{digest}" for digest in self.sha256)
        pins = (directory / self.lock).read_text(encoding="utf-8") if self.lock else ""
        return f"{self.package}=={self.version} {digests}\n{pins}"


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    part: tuple[Part, ...]


class Shelf:
    """Where the parts are. A part is there completely or not at all."""

    def __init__(self, declared: Path = DECLARED, directory: Path = SHELF) -> None:
        document = tomllib.loads(declared.read_text(encoding="utf-8"))
        self.parts = {p.name: p for p in msgspec.convert(document, _Document).part}
        self.directory = directory
        self._pins = declared.parent

    @property
    def pins(self) -> Path:
        """The folder of the lock files."""
        return self._pins

    def requirements(self, part: Part) -> str:
        """Return what a part consists of."""
        return part.requirements(self._pins)

    def folder(self, part: Part) -> Path:
        """Name a part's folder: another one when anything that is pinned changes."""
        digest = hashlib.sha256(self.requirements(part).encode()).hexdigest()
        return self.directory / f"{part.name}-{part.version}-{digest[:12]}"

    def find(self, part: Part) -> Path | None:
        """Return what a part provides; None when it was not fetched."""
        found = self.folder(part) / part.provides
        return found if found.exists() else None

    def missing(self, parts: Iterable[Part]) -> list[Part]:
        """Return those that are not there."""
        return [part for part in parts if self.find(part) is None]
