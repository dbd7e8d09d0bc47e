"""Programs of Go modules: built from exactly what is pinned, or not at all."""

import base64
import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.real.fetch import NotFetchedError, fetch
from tests.real.parts import Shelf

MODULE = "example.test/thing"
GO_MOD = f"module {MODULE}\n\ngo 1.24\n"
FILES = {"go.mod": GO_MOD, "main.go": 'package main\n\nfunc main() { println("here") }\n'}
PINS = f"module pins\n\ngo 1.24\n\ntool {MODULE}\n\nrequire {MODULE} v1.0.0\n"

has_go = pytest.mark.skipif(shutil.which("go") is None, reason="go is not on this machine")


def h1(files: Mapping[str, str]) -> str:
    """Return the digest of files as go.sum has it (golang.org/x/mod/sumdb/dirhash)."""
    lines = (f"{hashlib.sha256(files[n].encode()).hexdigest()}  {n}\n" for n in sorted(files))
    digest = hashlib.sha256("".join(lines).encode()).digest()
    return f"h1:{base64.b64encode(digest).decode()}"


IN_ZIP = {f"{MODULE}@v1.0.0/{name}": text for name, text in FILES.items()}
OF_GO_MOD = f"{MODULE} v1.0.0/go.mod {h1({'go.mod': GO_MOD})}\n"
OF_MODULE = f"{MODULE} v1.0.0 {h1(IN_ZIP)}\n"
OF_ANOTHER = f"{MODULE} v1.0.0 {h1({})}\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module in a folder that Go looks into instead of a proxy."""
    versions = tmp_path / "proxy" / MODULE / "@v"
    versions.mkdir(parents=True)
    (versions / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (versions / "v1.0.0.mod").write_text(GO_MOD)
    with zipfile.ZipFile(versions / "v1.0.0.zip", "w") as archive:
        for name, text in IN_ZIP.items():
            archive.writestr(name, text)
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path / 'proxy'}")
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("GOFLAGS", "-modcacherw")


def declare(directory: Path, go_sum: str) -> Shelf:
    """Declare one part, pinned by a folder."""
    pins = directory / "pins"
    pins.mkdir()
    (pins / "go.mod").write_text(PINS)
    (pins / "go.sum").write_text(go_sum)
    declared = directory / "parts.toml"
    declared.write_text(
        f'[[part]]\nname = "thing"\npackage = "{MODULE}"\nversion = "1.0.0"\ngo = "pins"\n'
        'provides = "thing"\nneeds = "Go"\nproves = ["that"]\ntier = "extra"\n'
    )
    return Shelf(declared, directory / "shelf")


@has_go
@pytest.mark.usefixtures("module")
def test_a_go_program_is_built_from_the_modules_that_are_pinned(tmp_path: Path) -> None:
    """It is found where the part says, and runs."""
    shelf = declare(tmp_path, OF_MODULE + OF_GO_MOD)

    program = fetch(shelf, shelf.parts["thing"])

    ran = subprocess.run([program], capture_output=True, text=True, check=True)  # noqa: S603 - built above
    assert ran.stderr == "here\n"


@has_go
@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("go_sum", "why"),
    [
        (OF_ANOTHER + OF_GO_MOD, "checksum mismatch"),
        (OF_GO_MOD, "missing go.sum entry"),
        ("", "missing go.sum entry"),
    ],
    ids=["another", "not the module", "nothing"],
)
def test_go_modules_that_are_not_what_was_pinned_are_not_built(
    tmp_path: Path, go_sum: str, why: str
) -> None:
    """Another digest, or none, and nothing is left."""
    shelf = declare(tmp_path, go_sum)

    with pytest.raises(NotFetchedError, match=why):
        fetch(shelf, shelf.parts["thing"])

    assert list(shelf.directory.iterdir()) == []


def test_other_pins_make_another_folder(tmp_path: Path) -> None:
    """A program of other modules is never taken for this one."""
    shelf = declare(tmp_path, OF_MODULE + OF_GO_MOD)
    before = shelf.folder(shelf.parts["thing"])

    (tmp_path / "pins" / "go.sum").write_text(OF_ANOTHER + OF_GO_MOD)

    assert shelf.folder(shelf.parts["thing"]) != before


def test_without_go_a_program_is_not_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is missing."""
    shelf = declare(tmp_path, OF_MODULE + OF_GO_MOD)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotFetchedError, match="go is not on this machine"):
        fetch(shelf, shelf.parts["thing"])
