"""Real parts are pinned, come whole or not at all, and are missed where they must be there."""

import hashlib
import zipfile
from pathlib import Path

import msgspec
import pytest

from tests.real import fetch as fetching
from tests.real.fetch import NotFetchedError, fetch, main, may_skip, missing, must_have
from tests.real.parts import HERE, Part, Shelf

WHEEL = "thing-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel in a folder that pip looks into instead of an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "thing-1.0.dist-info"
    files = {
        "thing/data.txt": "here",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder / WHEEL


def declare(directory: Path, sha256: str, more: str = "") -> Shelf:
    """Declare one part."""
    declared = directory / "parts.toml"
    declared.write_text(
        f'[[part]]\nname = "thing"\npackage = "thing"\nversion = "1.0"\nsha256 = ["{sha256}"]\n'
        f'provides = "thing/data.txt"\nneeds = "nothing"\nproves = ["that"]\ntier = "ci"\n{more}'
    )
    return Shelf(declared, directory / "shelf")


def digest_of(wheel: Path) -> str:
    """Return the digest that a wheel is pinned by."""
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_a_part_is_fetched_once_and_found_where_it_says(wheel: Path, tmp_path: Path) -> None:
    """The second time nothing is asked for."""
    shelf = declare(tmp_path, digest_of(wheel))
    part = shelf.parts["thing"]
    assert shelf.find(part) is None
    assert shelf.missing([part]) == [part]

    place = fetch(shelf, part)
    wheel.unlink()

    assert place.read_text() == "here"
    assert fetch(shelf, part) == place
    assert shelf.missing([part]) == []


def test_a_part_with_another_digest_is_refused_and_leaves_nothing(
    wheel: Path, tmp_path: Path
) -> None:
    """What is not byte for byte what was pinned is not installed."""
    assert wheel.exists()
    shelf = declare(tmp_path, "0" * 64)

    with pytest.raises(NotFetchedError, match="HASHES"):
        fetch(shelf, shelf.parts["thing"])

    assert list(shelf.directory.iterdir()) == []


def test_what_a_part_needs_comes_from_its_lock_file(wheel: Path, tmp_path: Path) -> None:
    """Part and needs come together or not at all."""
    (tmp_path / "thing.lock").write_text(f"other==1.0 --hash=sha256:{'0' * 64}\n")
    shelf = declare(tmp_path, digest_of(wheel), 'lock = "thing.lock"\n')

    with pytest.raises(NotFetchedError, match="other"):
        fetch(shelf, shelf.parts["thing"])


def test_a_part_for_other_machines_is_not_fetched(tmp_path: Path) -> None:
    """It says what it needs instead of failing later."""
    shelf = declare(tmp_path, "0" * 64, 'machines = ["Plan9 vax"]\n')

    with pytest.raises(NotFetchedError, match="it needs nothing"):
        fetch(shelf, shelf.parts["thing"])


@pytest.mark.parametrize(("ci", "code"), [("1", 1), ("", 0)])
def test_a_missing_part_fails_the_run_only_where_it_must_be_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: str,
    code: int,
) -> None:
    """Elsewhere it is said, and what needs it is skipped."""
    shelf = declare(tmp_path, "0" * 64, 'machines = ["Plan9 vax"]\n')
    monkeypatch.setattr(fetching, "Shelf", lambda: shelf)
    monkeypatch.setenv("BROKER_CI", ci)

    assert main([]) == code
    assert must_have(shelf.parts["thing"]) is bool(code)
    assert "not to be had: it needs nothing" in capsys.readouterr().out


@pytest.mark.parametrize("more", ['npm = "thing"\n', 'go = "thing"\n'])
def test_a_part_is_pinned_in_one_way(tmp_path: Path, more: str) -> None:
    """Of two, one would not be looked at."""
    with pytest.raises(msgspec.ValidationError, match="thing: give one of sha256"):
        declare(tmp_path, "0" * 64, more)


def test_a_name_that_nobody_declared_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """It says which there are."""
    assert main(["teapot"]) == 2
    assert "no such part: teapot; parts.toml has" in capsys.readouterr().out


@pytest.mark.parametrize("part", Shelf().parts.values(), ids=lambda part: part.name)
def test_every_declared_part_is_pinned_and_asked_for(part: Part) -> None:
    """A part that no test asks for proves nothing."""
    assert Shelf().requirements(part)
    texts = [file.read_text() for file in HERE.glob("*.py") if file.name != "test_parts.py"]
    assert any(f'"{part.name}"' in text for text in texts)


@pytest.mark.parametrize(
    ("is_needed", "ends"), [(True, pytest.fail.Exception), (False, pytest.skip.Exception)]
)
def test_what_is_missing_fails_where_it_is_needed(
    is_needed: bool,  # noqa: FBT001 - a case
    ends: type[Exception],
) -> None:
    """And is skipped elsewhere; both say what to do."""
    with pytest.raises(ends, match="install its server"):
        raise missing("no server: install its server", is_needed=is_needed)


@pytest.mark.parametrize(("value", "answer"), [("1", False), ("", True), ("0", True)])
def test_only_the_pipeline_may_not_skip(
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    answer: bool,  # noqa: FBT001 - a case
) -> None:
    """It says so in its environment."""
    monkeypatch.setenv("BROKER_CI", value)

    assert may_skip() is answer
