"""Debian packages as parts: unpacked exactly as they are pinned, or not at all."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.real.fetch import NotFetchedError, fetch
from tests.real.fetch_debs import pinned
from tests.real.parts import Shelf

has_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not on this machine")
CONTROL = (
    "Package: thing\nVersion: 1:1.0+x\nArchitecture: all\nMaintainer: Us\nDescription: Thing\n"
)


@pytest.fixture
def deb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in an archive of its own, which apt has not looked into yet."""
    archive, tree = tmp_path / "archive", tmp_path / "tree"
    for folder in (archive, tree / "DEBIAN", tree / "usr/share", tmp_path / "lists"):
        folder.mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(CONTROL)
    (tree / "usr/share/thing").write_text("here")
    file = archive / "thing.deb"
    build = ["dpkg-deb", "--root-owner-group", "--build", tree, file]
    subprocess.run(build, check=True, capture_output=True)  # noqa: S603 - ours
    facts = f"Filename: ./thing.deb\nSize: {file.stat().st_size}\nSHA256: {digest_of(file)}\n"
    (archive / "Packages").write_text(CONTROL + facts)
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{archive} ./\n")
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{tmp_path}/sources.list";\nDir::Etc::SourceParts "-";\n'
        f'Dir::State::Lists "{tmp_path}/lists";\nDir::Cache "{tmp_path}/cache";\n'
        'APT::Sandbox::User "root";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    return file


def digest_of(file: Path) -> str:
    """Return what a package is pinned by."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def declare(directory: Path, pins: str) -> Shelf:
    """Declare one part."""
    (directory / "thing.debs").write_text(pins)
    declared = directory / "parts.toml"
    declared.write_text(
        '[[part]]\nname = "thing"\npackage = "thing"\nversion = "1.0"\ndeb = "thing.debs"\n'
        'provides = "usr/share/thing"\nneeds = "apt"\nproves = ["that"]\ntier = "ci"\n'
    )
    return Shelf(declared, directory / "shelf")


@has_apt
def test_a_package_is_unpacked_although_apt_has_no_list_yet(deb: Path, tmp_path: Path) -> None:
    """The list that it lacks is fetched beside the machine's own."""
    shelf = declare(tmp_path, f"thing=1:1.0+x sha256:{digest_of(deb)}\n")

    place = fetch(shelf, shelf.parts["thing"])

    assert place.read_text() == "here"
    assert list((tmp_path / "lists").iterdir()) == []
    assert [file.name for file in shelf.directory.iterdir()] == [place.parents[2].name]


@has_apt
@pytest.mark.parametrize(
    ("version", "sha256", "why"),
    [("1:1.0+x", "0" * 64, "not the one that was pinned"), ("1.1", "0" * 64, "1.1")],
)
def test_another_package_than_the_pinned_one_leaves_nothing(
    deb: Path, tmp_path: Path, version: str, sha256: str, why: str
) -> None:
    """Neither another build of the version nor another version comes."""
    assert deb.exists()
    shelf = declare(tmp_path, f"thing={version} sha256:{sha256}\n")

    with pytest.raises(NotFetchedError, match=why):
        fetch(shelf, shelf.parts["thing"])

    assert list(shelf.directory.iterdir()) == []


@pytest.mark.parametrize(
    "line", ["thing", "thing=1.0", "thing=1.0 sha256:12", "-o=1 sha256:" + "0" * 64]
)
def test_a_line_that_pins_nothing_is_a_mistake(line: str) -> None:
    """Nor is it an option of apt's."""
    with pytest.raises(ValueError, match="not name=version"):
        list(pinned(line))
