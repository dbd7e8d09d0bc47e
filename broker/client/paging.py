"""Lists that come in pages, as one iterator with an end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from broker.client.errors import BrokerAnswerError

MAX_PAGES: Final = 100_000
"""Two hundred items each: more than the ledger lists. It bounds what is remembered here."""


class Page(Protocol):
    """One page of any list."""

    @property
    def cursor(self) -> str:
        """Where the next page begins; empty on the last one."""
        ...


P = TypeVar("P", bound=Page)
T = TypeVar("T")


async def items(
    fetch: Callable[[str], Awaitable[P]],
    of: Callable[[P], Sequence[T]],
    *,
    at_most: int | None = None,
) -> AsyncIterator[T]:
    """Yield the items of all pages; a page is asked for when its first item is.

    Args:
        fetch: returns the page at a cursor; the first one's is empty.
        of: returns the items of a page.
        at_most: how many items to yield; None yields all.

    Raises:
        BrokerAnswerError: the pages lead round in a circle, or never end.
    """
    left = at_most
    async for page in _pages(fetch):
        for item in of(page):
            if left == 0:
                return
            left = None if left is None else left - 1
            yield item
        if left == 0:
            return


async def _pages(fetch: Callable[[str], Awaitable[P]]) -> AsyncIterator[P]:
    seen = {""}
    page = await fetch("")
    yield page
    while page.cursor:
        if page.cursor in seen or len(seen) >= MAX_PAGES:
            raise BrokerAnswerError("the pages of a list lead round in a circle")
        seen.add(page.cursor)
        page = await fetch(page.cursor)
        yield page
