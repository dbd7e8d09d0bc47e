"""At which steps of an emergency its broker dies."""

from typing import Final

CONFIRMING: Final = ("agreed", "ready", "told", "opened")
FETCHING: Final = ("granted", "noted")

EXPIRING: Final = ("over", "expired")

POINTS: Final = frozenset(
    f"glass.{step}" for step in ("asked", *CONFIRMING, *FETCHING, "ended", *EXPIRING)
)
