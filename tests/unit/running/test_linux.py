import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.running import linux
from broker.running.folder import SHARED_MEMORY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what only Linux can do")

LOOK = """
import ctypes, os, subprocess
from broker.running import linux

def looks():
    words = ["sh", "-c", "cat /proc/$PPID/environ > /dev/null 2>&1; echo $?"]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip() == "0"

if os.geteuid() == 0:  # root looks into everything
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
before = looks()
linux.hide_memory()
print(before, looks())
"""

ADOPT = """
import os, time
from broker.running import linux
linux.adopt_orphans()
os.system("setsid sleep 30 &")
found = linux.children()
print(len(found))
for each in found:
    os.kill(each, 9)
"""


def run(code: str) -> str:
    """Run a program of its own."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_process_that_is_hidden_is_not_looked_into_by_its_children() -> None:
    """Before it they could."""
    assert run(LOOK) == "True False"


def test_what_a_child_leaves_behind_is_adopted() -> None:
    """Also from a session of its own."""
    assert run(ADOPT) == "1"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("tmpfs",), "memory"),
        (("ramfs", "tmpfs"), "memory"),
        (("ext4",), "disk"),
        (("tmpfs", "overlay"), "disk"),
        ((), "disk"),
    ],
)
def test_a_place_is_in_memory_if_its_mount_says_so(
    tmp_path: Path, kinds: tuple[str, ...], expected: str
) -> None:
    """What no line is about is not, nor what two disagree about."""
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    here = [f"30 25 {number} / {tmp_path} rw shared:1 - {kind} none rw" for kind in kinds]
    mounts = tmp_path / "mountinfo"
    mounts.write_text("\n".join([*here, "31 25 0:999999 / /other rw - tmpfs none rw"]) + "\n")

    assert linux.is_in_memory(tmp_path, mounts) == (expected == "memory")


def test_what_cannot_be_known_is_on_a_disk(tmp_path: Path) -> None:
    """The place is not there, or the system has no such list."""
    assert not linux.is_in_memory(tmp_path / "none")
    assert not linux.is_in_memory(tmp_path, tmp_path / "none")


@pytest.mark.skipif(not SHARED_MEMORY.is_mount(), reason="no shared memory is mounted here")
def test_shared_memory_is_in_memory_and_the_process_list_is_not() -> None:
    """On this machine."""
    assert linux.is_in_memory(SHARED_MEMORY)
    assert not linux.is_in_memory(Path("/proc"))
