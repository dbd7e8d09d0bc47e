"""The process that outlives a story, whatever happens to it, and leaves nothing behind.

It is started before anything else, prints the id of the process group that every child of the
story joins, and waits for the end of its standard input. That end comes when the story closes it
and just as surely when the story is killed, because the kernel closes a dead process's pipes. Then
the group is killed and the state directory removed.

Promises, and the tests of this module:

- a child that joins the group after the kill cannot exist: the group is killed until it is empty,
  and joining an empty group fails;
- signals of the terminal reach neither the warden nor the group: both are groups of their own;
- a warden that is itself killed takes the group's anchor with it, and the story sees it die.

It imports the standard library only and runs by its path, so that it is there in milliseconds.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

PATIENCE_SECONDS: Final = 5.0
"""How long the group may take to vanish. A killed process that nobody reaps (some containers have
no init) stays in its group for ever, so the wait has an end."""

PAUSE_SECONDS: Final = 0.02


def anchor_group() -> tuple[int, int]:
    """Start the process that holds the group open; return its id and the write end of its life.

    Without a member the group would not exist before the first child, and its number could be
    given to a stranger between two of them.
    """
    alive, hold = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(hold)
        os.read(alive, 1)
        os._exit(0)
    os.close(alive)
    with suppress(PermissionError):  # the child was faster, which is as good
        os.setpgid(child, child)
    return child, hold


def empty_group(group: int, anchor: int) -> None:
    """Kill the group until nobody is in it."""
    os.killpg(group, signal.SIGKILL)
    os.waitpid(anchor, 0)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return
        except PermissionError:
            pass  # macOS says this of a group of zombies
        time.sleep(PAUSE_SECONDS)


def remove(directory: Path) -> None:
    """Remove the state directory, also when a dying process still writes into it."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while directory.exists() and time.monotonic() < give_up:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(PAUSE_SECONDS)


def main(directory: Path) -> int:
    """Guard the directory and the group until the story ends. Return 1 if something stayed."""
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(stop, signal.SIG_IGN)
    anchor, _hold = anchor_group()
    sys.stdout.write(f"{anchor}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    empty_group(anchor, anchor)
    remove(directory)
    return 1 if directory.exists() else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
