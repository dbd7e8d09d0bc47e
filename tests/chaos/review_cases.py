"""Where a broker dies that takes an answer to a review."""

from typing import Final

POINTS: Final = frozenset({"review.answered", "review.changed", "review.effected"})
