"""A kind as a stranger writes it: credentials are files in a folder. It is installed by pip.

It uses nothing but the contract; :func:`wheel` packs it as a distribution of its own.
"""

import base64
import hashlib
import json
import secrets
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from backends.contract import (
    Deadline,
    Death,
    Flaw,
    Minted,
    Place,
    Revocable,
    SelfExpiry,
    Sighting,
    Surroundings,
    Traits,
    Wish,
)
from backends.errors import BackendError, NotMintedError, OtherTargetError, Trouble

TRAITS: Final = Traits(
    revocable=Revocable.AT_ONCE,
    self_expiry=SelfExpiry.NEW_SESSIONS_ONLY,
    renewable=True,
    shortest_ttl_ms=1_000,
    can_probe=False,
)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the files are; ``identity`` in there says which folder it is."""

    folder: str

    def faults(self) -> Iterator[Flaw]:
        """Find a folder that means another one wherever the broker runs."""
        if not self.folder.startswith("/"):
            yield Flaw(("folder",), "is relative", "write it from the root")


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in each file."""

    note: str = ""


class FileDrop:
    """One folder."""

    traits = TRAITS

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _identity(self) -> str:
        try:
            return (self._folder / "identity").read_text()
        except OSError:
            raise BackendError(Trouble.UNREACHABLE) from None

    def _require(self, place: Place) -> Path:
        if self._identity() != place.identity:
            raise OtherTargetError
        return self._folder / f"{place.locator}.json"

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Name the file."""
        deadline.require()
        return Place(locator=f"drop_{wish.lease}", identity=self._identity())

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        """Make the file."""
        file, password = self._require(place), secrets.token_urlsafe(24)
        deadline.require()
        if file.exists():
            raise BackendError(Trouble.REFUSED, "it is there")
        assert isinstance(wish.template, Template)
        self._write(file, password, expires_at_ms, wish.template.note)
        return Minted({"file": str(file), "password": password})

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:  # noqa: ARG002 - the contract's
        """Write a later end."""
        file = self._require(place)
        deadline.require()
        if not file.exists():
            raise NotMintedError(Trouble.REFUSED, "it is gone")
        held = json.loads(file.read_text())
        self._write(file, held["password"], expires_at_ms, held["note"])
        return Minted({})

    def _write(self, file: Path, password: str, until: int, note: str) -> None:
        held = {"password": password, "until": until, "note": note}
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(held))
        draft.rename(file)

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        """Remove the file."""
        file = self._require(place)
        deadline.require()
        try:
            file.unlink()
        except FileNotFoundError:
            return Death.ABSENT
        return Death.GONE

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:
        """Look."""
        deadline.require()
        return Sighting.ALIVE if self._require(place).exists() else Sighting.ABSENT

    def probe(self, place: Place, deadline: Deadline) -> bool:  # noqa: ARG002 - the contract's
        """Refuse."""
        raise BackendError(Trouble.REFUSED)

    def close(self) -> None:
        """Hold nothing."""


class FileDropKind:
    """Folders."""

    name = "filedrop"
    traits = TRAITS
    options: type[msgspec.Struct] = Options
    template: type[msgspec.Struct] = Template

    def template_flaws(self, template: msgspec.Struct, scopes: frozenset[str]) -> Iterator[Flaw]:  # noqa: ARG002 - the contract's
        """Find a note that says nothing."""
        assert isinstance(template, Template)
        if template.note.isspace():
            yield Flaw(("note",), "is blank", "say something, or leave it away")

    def open(self, options: msgspec.Struct, surroundings: Surroundings) -> FileDrop:  # noqa: ARG002 - the contract's
        """Use a folder."""
        assert isinstance(options, Options)
        return FileDrop(Path(options.folder))


kind: Final = FileDropKind()


def is_let_in(file: Path, password: str) -> bool:
    """Use a credential: whoever reads the folder lets in whom a file names."""
    if not file.exists():
        return False
    held = json.loads(file.read_text())
    now_ms = time.time_ns() // 1_000_000  # noqa: TID251 - a target has a clock of its own
    return bool(held["password"] == password and held["until"] > now_ms)


def wheel(folder: Path) -> Path:
    """Pack this file as the distribution ``jit-filedrop``, as a build tool would."""
    info = "jit_filedrop-1.0.dist-info"
    files = {
        "jit_filedrop.py": Path(__file__).read_text(),
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: jit-filedrop\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[jit_broker.backends]\nfiledrop = jit_filedrop:kind\n",
    }
    record = "".join(
        f"{name},{_digest(text)},{len(text.encode())}\n" for name, text in files.items()
    )
    packed = folder / "jit_filedrop-1.0-py3-none-any.whl"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return packed


def _digest(text: str) -> str:
    found = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(found).decode().rstrip("=")
