"""At which steps of watching behaviour its broker dies."""

from typing import Final

FREEZING: Final = ("noted", "froze", "told", "done")

POINTS: Final = frozenset(f"watch.{step}" for step in (*FREEZING, "held"))
