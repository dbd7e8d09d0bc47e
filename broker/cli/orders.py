"""Giving an operator's order, and following it until it is carried out."""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from broker.cli.progress import Teller
from broker.cli.reach import Waiting, reached
from broker.cli.reports import whole
from broker.client.api import BrokerClient
from broker.client.results import Report, Revocation

_PAUSE_SECONDS: Final = 0.25
_PAGE: Final = 200


class Revoked(msgspec.Struct, frozen=True):
    """An order and what has come of it so far."""

    revocation: Revocation
    report: Report


async def follow(
    broker: BrokerClient, order: Revocation, waiting: Waiting, teller: Teller
) -> Revoked:
    """Follow an order as far as is asked, and return what has come of it."""
    end = asyncio.get_running_loop().time() + waiting.seconds
    is_followed = waiting.level is not None or order.progress is not None
    while True:
        if order.progress:
            teller.tell("revoking", order.progress.ended, order.progress.total)
        left = end - asyncio.get_running_loop().time()
        if order.acknowledged or not is_followed or left <= 0:
            break
        await asyncio.sleep(min(_PAUSE_SECONDS, left))
        order = await broker.operator.revocation(order.id)
    if waiting.level is None:
        return Revoked(order, await report_of(broker, order, teller))
    left = max(0.0, end - asyncio.get_running_loop().time())
    report = await reached(broker.operator.reach, order.id, waiting.level, left, teller)
    return Revoked(report.revocation or order, report)


async def report_of(broker: BrokerClient, order: Revocation, teller: Teller) -> Report:
    """Return all of an order's report."""
    limit = _PAGE if order.progress else None

    async def page(cursor: str) -> Report:
        return await broker.operator.revocation_report(order.id, cursor=cursor, limit=limit)

    return await whole(await page(""), page, teller)


async def give(
    broker: BrokerClient, selector: Mapping[str, str | bool], reason: str, in_tenant: str, key: str
) -> Revocation:
    """Give an order."""
    return await broker.operator.revoke(
        selector, reason=reason, in_tenant=in_tenant, idempotency_key=key
    )
