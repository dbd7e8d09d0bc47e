"""What a broker that stops does for its records: they are told and written down, if they can be."""

import asyncio
from typing import Final

import structlog

from broker.audit.json_lines import JsonLinesSink
from broker.errors import StoreUnavailableError
from broker.feed.shipper import Shipper

SETTLE_S: Final = 2.0
"""How long that may take. What is left then is in the ledger, for the next broker."""

_log = structlog.get_logger(__name__)


async def settle(shipper: Shipper, sink: JsonLinesSink) -> None:
    """Ship what has happened, and wait until the audit file has it."""
    try:
        async with asyncio.timeout(SETTLE_S):
            await shipper.drain()
            await sink.caught_up()
    except (TimeoutError, StoreUnavailableError):
        _log.warning("records-left-to-others")
