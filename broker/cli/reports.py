"""Reports come in pages; people and scripts want all of one."""

from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from broker.cli.progress import Teller
from broker.client.results import Receipt, Report

Following = Callable[[str], Awaitable[Report]]
"""Fetches the page at a cursor."""


async def whole(first: Report, following: Following, teller: Teller | None = None) -> Report:
    """Follow a report to its end and return it as one page.

    Tells how far it has been read, where that can be known: of an order on a set.
    """
    receipts: list[Receipt] = [*first.receipts]
    page = first
    order = first.revocation
    total = order.progress.total if order is not None and order.progress is not None else 0
    while page.cursor:
        page = await following(page.cursor)
        receipts += page.receipts
        if teller is not None and total:
            teller.tell("reading receipts", len(receipts), total)
    counts = Counter(receipt.state for receipt in receipts)
    return msgspec.structs.replace(first, receipts=tuple(receipts), counts=dict(counts), next=None)
