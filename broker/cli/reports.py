"""Reports come in pages; people and scripts want all of one."""

from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from broker.client.results import Receipt, Report

Following = Callable[[str], Awaitable[Report]]
"""Fetches the page at a cursor."""


async def whole(first: Report, following: Following) -> Report:
    """Follow a report to its end and return it as one page."""
    receipts: list[Receipt] = [*first.receipts]
    page = first
    while page.cursor:
        page = await following(page.cursor)
        receipts += page.receipts
    counts = Counter(receipt.state for receipt in receipts)
    return msgspec.structs.replace(first, receipts=tuple(receipts), counts=dict(counts), next=None)
