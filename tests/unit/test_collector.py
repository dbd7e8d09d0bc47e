"""The collector is made rarer, never turned off."""

import subprocess
import sys

PROGRAM = """
import gc, weakref
from broker import collector

class Node:
    pass

def cycle():
    node = Node()
    node.itself = node
    return weakref.ref(node)

before = cycle()
kept = Node()
collector.settle()
assert before() is None, "what is garbage already must not become permanent"
assert gc.isenabled()
assert gc.get_freeze_count() > 0
assert gc.get_threshold()[0] == collector.YOUNG
assert not any(each is kept for each in gc.get_objects()), "what lives is looked at no more"

cycles = [cycle() for _ in range(3 * collector.YOUNG)]
assert any(each() is None for each in cycles), "garbage in cycles must still go by itself"
print("as promised")
"""


def test_what_lives_is_permanent_and_garbage_still_goes() -> None:
    """Told in a process of its own: freezing is for good."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", PROGRAM], capture_output=True, check=False, text=True
    )

    assert done.stderr == ""
    assert done.stdout == "as promised\n"
