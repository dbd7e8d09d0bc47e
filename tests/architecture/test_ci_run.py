"""``.ci/run`` forgives what a starved machine does, once and loudly, and nothing else."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LOUD: Final = "PASSED ONLY WHEN RUN AGAIN"

MAKEFILE: Final = f"""\
test:
\t{sys.executable} -m pytest $(ARGS) tests
test-real:
\t@echo "real servers were asked"
"""

GOOD: Final = "def test_good():\n    assert True\n"
BAD: Final = "def test_bad():\n    assert False\n"
FLAKY: Final = """\
import pathlib

def test_flaky():
    trace = pathlib.Path("was-here")
    came_before = trace.exists()
    trace.touch()
    assert came_before
"""
FLAKY_FIXTURE: Final = f"""\
import pytest
{FLAKY.replace("def test_flaky", "@pytest.fixture" + chr(10) + "def moody")}
def test_on_it(moody):
    assert True
"""


def ci_run(folder: Path, tests: dict[str, str], makefile: str = MAKEFILE) -> tuple[int, str]:
    """Run our ``.ci/run`` in a small checkout with these tests; return its exit code and output."""
    (folder / ".ci").mkdir()
    (folder / "tests").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    (folder / "Makefile").write_text(makefile)
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, text in tests.items():
        (folder / "tests" / f"test_{name}.py").write_text(text)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(  # noqa: S603 - our own command, copied
        [folder / ".ci" / "run"],
        capture_output=True,
        check=False,
        text=True,
        env={**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    return done.returncode, done.stdout + done.stderr


def test_a_green_suite_is_run_once_and_then_the_real_servers(tmp_path: Path) -> None:
    """Nothing is run again, and nothing is loud."""
    code, told = ci_run(tmp_path, {"good": GOOD})

    assert code == 0
    assert told.count("== make test: exit 0") == 1
    assert "real servers were asked" in told
    assert LOUD not in told


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (FLAKY, "FAILED tests/test_moody.py::test_flaky"),
        (FLAKY_FIXTURE, "ERROR tests/test_moody.py::test_on_it"),
    ],
)
def test_what_passes_only_when_run_again_is_named(tmp_path: Path, text: str, name: str) -> None:
    """A test, or what it stands on, failed once: green, but nobody overlooks it."""
    code, told = ci_run(tmp_path, {"good": GOOD, "moody": text})

    assert code == 0
    assert name in told.partition(LOUD)[2]
    assert "1 passed" in told.partition("--last-failed")[2]


@pytest.mark.parametrize("beside", [{}, {"moody": FLAKY}])
def test_a_real_failure_fails_again_and_never_passes(
    tmp_path: Path, beside: dict[str, str]
) -> None:
    """Also beside one that passes the second time."""
    code, told = ci_run(tmp_path, {"good": GOOD, "bad": BAD, **beside})

    assert code == 1
    assert "--last-failed" in told
    assert LOUD not in told
    assert "real servers were asked" not in told


def test_a_test_that_skips_the_second_time_has_not_passed(tmp_path: Path) -> None:
    """Only passing counts."""
    skips = FLAKY.replace(
        "assert came_before", "if came_before: __import__('pytest').skip()\n    assert 0"
    )

    code, told = ci_run(tmp_path, {"moody": skips})

    assert code == 1
    assert "--last-failed" in told


def test_more_than_five_failures_are_not_run_again(tmp_path: Path) -> None:
    """That many are no accident of the machine."""
    many = "".join(BAD.replace("bad", f"bad_{n}") for n in range(6))

    code, told = ci_run(tmp_path, {"many": many, "good": GOOD})

    assert code == 1
    assert "--last-failed" not in told


def test_five_failures_are(tmp_path: Path) -> None:
    """The bound is inclusive, and each of the five is run."""
    five = "".join(BAD.replace("bad", f"bad_{n}") for n in range(5))

    code, told = ci_run(tmp_path, {"many": five, "good": GOOD})

    assert code == 1
    assert "5 failed" in told.partition("--last-failed")[2]


def test_a_suite_that_cannot_be_collected_is_not_run_again(tmp_path: Path) -> None:
    """A broken import is nobody's bad luck."""
    code, told = ci_run(tmp_path, {"broken": "import nothing_of_this_name\n", "good": GOOD})

    assert code == 1
    assert "--last-failed" not in told


@pytest.mark.parametrize("how", ["os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_a_suite_that_dies_is_not_run_again(tmp_path: Path, how: str) -> None:
    """It has counted nothing, so nobody knows what would have failed."""
    code, told = ci_run(tmp_path, {"deadly": f"import os\ndef test_dies():\n    {how}\n"})

    assert code == 1
    assert "--last-failed" not in told


def test_tests_on_real_servers_are_run_again_as_well(tmp_path: Path) -> None:
    """By the same rule, and only they."""
    asked = f"{sys.executable} -m pytest $(ARGS) tests/test_real.py"
    both = MAKEFILE.replace('@echo "real servers were asked"', asked)
    both = both.replace("$(ARGS) tests\n", "$(ARGS) tests/test_good.py\n")

    code, told = ci_run(tmp_path, {"good": GOOD, "real": FLAKY}, both)

    assert code == 0
    assert "FAILED tests/test_real.py::test_flaky" in told.partition(LOUD)[2]
    assert "== make test ARGS" not in told


def test_real_servers_that_are_missing_fail_the_run(tmp_path: Path) -> None:
    """Nothing is run again: what the tests need was there or was not."""
    failing = MAKEFILE.replace('@echo "real servers were asked"', "exit 1")

    code, _ = ci_run(tmp_path, {"good": GOOD}, failing)

    assert code != 0


def test_our_own_command_hands_on_what_it_is_given() -> None:
    """Else running again would run everything, and pass by luck."""
    told = subprocess.run(
        ["make", "--dry-run", "test", "ARGS=--last-failed"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout

    assert "--last-failed tests" in told


def test_the_targets_name_what_failed() -> None:
    """What pytest does not name at its end cannot be run again."""
    recipes = re.findall(
        r"^\t\$\(PY\) -m pytest .*", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    shown = [words for recipe in recipes for words in re.findall(r" -r(\w+)", recipe)]

    assert len(recipes) >= 2
    assert all({"f", "E"} <= set(words) for words in shown), "-r takes the place of pytest's own"
