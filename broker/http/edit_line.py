"""How many edits of facts are under way in one broker: more are told to come again.

Each holds what it would come to in memory until the next revision takes it in, a tenth of a second
later or so. Beyond what a few revisions take, waiting would only grow, and everything else with it:
whoever sends so many slows down, and nobody who asks for access notices.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from broker.http.refusals import TooManyRequestsError

MOST: Final = 400
"""Of all callers: what two revisions take."""

MOST_OF_ONE: Final = 300
"""Of one caller, so that somebody else's hold or drop finds a place beside a flood."""


class EditLine:
    """Counts places. ``most`` of all, ``most_of_one`` of one caller."""

    def __init__(self, *, most: int = MOST, most_of_one: int = MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """Hold a place for a caller.

        Raises:
            TooManyRequestsError: there is none.
        """
        if self._held.total() >= self._most or self._held[caller] >= self._most_of_one:
            raise TooManyRequestsError("as many changes of facts are under way as may be")
        self._held[caller] += 1
        try:
            yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller]
