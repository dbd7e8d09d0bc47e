"""Reports come in pages; people and scripts want all of one."""

from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from broker.cli.progress import Teller
from broker.client.results import Receipt, Report

Following = Callable[[str], Awaitable[Report]]
"""Fetches the page at a cursor."""


async def whole(
    first: Report, following: Following, teller: Teller, *, is_narrowed: bool = False
) -> Report:
    """Follow a report to its end and return it as one page.

    Tells how far it has been read; of how much is known of a whole order on a set alone.
    """
    receipts: list[Receipt] = [*first.receipts]
    page, total = first, None if is_narrowed else _total(first)
    while page.cursor:
        page = await following(page.cursor)
        receipts += page.receipts
        teller.tell("reading receipts", len(receipts), total)
    counts = Counter(receipt.state for receipt in receipts)
    return msgspec.structs.replace(first, receipts=tuple(receipts), counts=dict(counts), next=None)


def _total(page: Report) -> int | None:
    order = page.revocation
    return order.progress.total if order is not None and order.progress is not None else None
