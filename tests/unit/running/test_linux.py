import subprocess
import sys

import pytest

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
