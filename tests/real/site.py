"""Build the documentation into a site: `python -m tests.real.site [FOLDER]`."""

import os
import subprocess
import sys
from pathlib import Path

from tests.real.parts import Shelf

ROOT = Path(__file__).parents[2]


def build(packages: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run MkDocs; a warning fails it."""
    where = ("--config-file", str(ROOT / "config/site/mkdocs.yml"), "--site-dir", str(folder))
    return subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", *where],
        env={**os.environ, "PYTHONPATH": str(packages), "NO_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def main(folder: Path) -> int:
    """Build it into a folder, and say where it is."""
    shelf = Shelf()
    found = shelf.find(shelf.parts["mkdocs"])
    if found is None:
        sys.stderr.write("MkDocs is not there: python -m tests.real.fetch mkdocs\n")
        return 1
    done = build(found.parents[1], folder)
    sys.stderr.write(done.stderr)
    if done.returncode == 0:
        sys.stdout.write(f"{folder / 'index.html'}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(*sys.argv[1:2]) if sys.argv[1:] else ROOT / ".cache/site"))
