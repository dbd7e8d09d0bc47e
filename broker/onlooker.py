"""Whoever is shown each decision after it was made, and has no say in it."""

from typing import Protocol

from broker.policy.query import Query


class Onlooker(Protocol):
    """Sees decisions."""

    def saw(self, query: Query, *, is_permit: bool) -> None:
        """Take note. Returns at once and never raises."""
        ...


class Nobody:
    """Sees nothing."""

    def saw(self, query: Query, *, is_permit: bool) -> None:
        """Take no note."""
