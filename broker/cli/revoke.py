"""`broker revoke`: an operator pulls the plug."""

import sys
from functools import partial
from typing import Final

import click
import msgspec
from click.exceptions import Exit

from broker.cli import exits, views
from broker.cli.desk import Desk, at_desk
from broker.cli.reports import whole
from broker.client.api import BrokerClient
from broker.client.results import Report, Revocation

SELECTORS: Final = ("credential", "task", "agent", "capability", "issuer", "tenant")


class Revoked(msgspec.Struct, frozen=True):
    """An order and what has come of it so far."""

    revocation: Revocation
    report: Report


@click.command(short_help="Take access away, as an operator.")
@click.option("--credential", help="One credential.")
@click.option("--task", help="A task and everything below it.")
@click.option("--agent", help="Everything that an agent holds.")
@click.option("--capability", help="Everything of a capability.")
@click.option("--issuer", help="Everything that was got with an issuer's workload tokens.")
@click.option("--tenant", help="Everything of a tenant.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--in-tenant", default="", help="Only within this tenant.")
@click.option("--reason", required=True, help="Why, for the audit trail.")
@click.option("--yes", is_flag=True, help="Do not ask before --all.")
@click.option("--idempotency-key", default="", help="Makes a repeated command harmless.")
@at_desk
def revoke(
    desk: Desk,
    /,
    *,
    everything: bool,
    in_tenant: str,
    reason: str,
    yes: bool,
    idempotency_key: str,
    **named: str | None,
) -> None:
    """Take access away: whatever the one selector names is dead from now on.

    Ends with 3 while a part of the ledger cannot be reached; the order stands, repeat it with the
    same --idempotency-key to see it through.
    """
    selector = _selector(named, everything=everything)
    if everything and not yes:
        _confirm(in_tenant)
    order = partial(
        _order, selector=selector, in_tenant=in_tenant, reason=reason, key=idempotency_key
    )
    revoked = desk.ask(order)
    desk.print(revoked, views.revoked)
    if not revoked.revocation.acknowledged:
        raise Exit(exits.UNAVAILABLE)


def _selector(named: dict[str, str | None], *, everything: bool) -> dict[str, str | bool]:
    chosen: dict[str, str | bool] = {kind: value for kind, value in named.items() if value}
    if everything:
        chosen["all"] = True
    if len(chosen) != 1:
        options = ", ".join(f"--{kind}" for kind in (*SELECTORS, "all"))
        raise click.UsageError(f"say what to revoke, with exactly one of {options}")
    return chosen


def _confirm(in_tenant: str) -> None:
    whose = f"of tenant {in_tenant}" if in_tenant else "of every tenant that you answer for"
    if not sys.stdin.isatty():
        raise click.UsageError("--all without a terminal needs --yes")
    click.confirm(f"Kill every live credential {whose}?", abort=True, err=True)


async def _order(
    broker: BrokerClient,
    *,
    selector: dict[str, str | bool],
    in_tenant: str,
    reason: str,
    key: str,
) -> Revoked:
    order = await broker.operator.revoke(
        selector, reason=reason, in_tenant=in_tenant, idempotency_key=key
    )
    first = await broker.operator.revocation_report(order.id)
    page = partial(_page, broker, order.id)
    return Revoked(order, await whole(first, page))


async def _page(broker: BrokerClient, order: str, cursor: str) -> Report:
    return await broker.operator.revocation_report(order, cursor=cursor)
