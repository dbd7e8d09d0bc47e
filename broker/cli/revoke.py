"""`broker revoke`: an operator pulls the plug."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import click
import msgspec
from click.exceptions import Exit

from broker.cli import exits, views
from broker.cli.criteria import Criteria, criteria_options, of_cut, of_set
from broker.cli.desk import Desk, at_desk
from broker.cli.failure import CommandFailedError
from broker.cli.one import One
from broker.cli.orders import Revoked, follow, give
from broker.cli.progress import telling
from broker.cli.reach import Waiting, exit_code, wait_options
from broker.client.api import BrokerClient
from broker.client.results import PickedCredential, Selection

_PATIENCE_SECONDS: Final = 120.0
"""A large set takes the broker some seconds to look through."""

_PAGE: Final = 200


class Looked(msgspec.Struct, frozen=True):
    """A set, and all that is in it."""

    selection: Selection
    credentials: tuple[PickedCredential, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says besides what is meant."""

    reason: str
    key: str
    waiting: Waiting
    is_sure: bool


@click.command(short_help="Take access away, as an operator.")
@criteria_options
@click.option("--dry-run", is_flag=True, help="Only show the exact set, and its digest.")
@click.option("--set", "digest", cls=One, help="Kill exactly the set of this digest.")
@click.option("--reason", default="", help="Why, for the audit trail. Required to revoke.")
@click.option("--yes", is_flag=True, help="Do not ask before --all, or before a set.")
@wait_options
@click.option("--idempotency-key", cls=One, help="Makes a repeated command harmless.")
@at_desk
def revoke(  # noqa: PLR0913 - one argument per option
    desk: Desk,
    /,
    *,
    everything: bool,
    in_tenant: str,
    dry_run: bool,
    digest: str,
    reason: str,
    yes: bool,
    wait: str | None,
    timeout: int,
    idempotency_key: str,
    **named: str | int | None,
) -> None:
    """Take access away: whatever the selectors name together is dead from now on.

    One selector alone also kills what is being issued this very moment. Several together name a
    set: look at it with --dry-run, then kill exactly that with --set DIGEST. A set that has changed
    meanwhile is refused; what has died meanwhile is no change.

    Ends with 3 while a part of the ledger cannot be reached, with 4 when what --wait asks for has
    not come in time; the order stands, repeat it with the same --idempotency-key to see it through.
    """
    desk = replace(desk, timeout_seconds=_PATIENCE_SECONDS)
    if dry_run and digest:
        raise click.UsageError("--dry-run shows a set, --set kills one: leave one of them away")
    if dry_run:
        _look(desk, of_set(named, everything=everything, in_tenant=in_tenant))
        return
    if not reason:
        raise click.UsageError("Missing option '--reason': say why, for the audit trail.")
    wish = Wish(reason, idempotency_key, Waiting.of(wait, timeout), is_sure=yes)
    if digest:
        is_named = everything or in_tenant or any(named.values())
        meant = of_set(named, everything=everything, in_tenant=in_tenant) if is_named else None
        _kill_set(desk, digest, meant, wish)
        return
    cut = of_cut(named, everything=everything)
    if cut is None:
        _look_and_kill(desk, of_set(named, everything=everything, in_tenant=in_tenant), wish)
        return
    if everything and not yes:
        _confirm(in_tenant)
    _kill(desk, cut, wish, in_tenant)


def _look(desk: Desk, criteria: Criteria) -> None:
    async def look(broker: BrokerClient) -> Looked:
        taken = await broker.operator.select(criteria)
        found: list[PickedCredential] = []
        cursor, is_first = "", True
        with telling(sys.stderr, as_json=desk.screen.is_json) as teller:
            while cursor or is_first:
                page = await broker.operator.selected(taken.digest, cursor=cursor, limit=_PAGE)
                found += page.credentials
                cursor, is_first = page.cursor, False
                teller.tell("looking", len(found), taken.count)
        return Looked(taken, tuple(found))

    desk.answer(look, views.looked)


def _kill_set(desk: Desk, digest: str, meant: Criteria | None, wish: Wish) -> None:
    if meant is not None:
        kept = desk.ask(lambda broker: broker.operator.selection(digest))
        if kept.criteria != dict(meant):
            raise CommandFailedError(
                "That digest names another set than these options: leave the options away, or take "
                "the digest that --dry-run prints for them."
            )
    _kill(desk, {"set": digest}, wish)


def _look_and_kill(desk: Desk, criteria: Criteria, wish: Wish) -> None:
    """Pick a set and kill it in one go, for whoever is sure of it, or says so when asked."""
    if not wish.is_sure and not sys.stdin.isatty():
        raise click.UsageError(
            "these together name a set: look at it with --dry-run, then pass --set DIGEST, "
            "or pass --yes"
        )
    if wish.key:
        raise click.UsageError(
            "--idempotency-key repeats one order, and a set that is picked again is another: "
            "pass it with --set DIGEST"
        )
    taken = desk.ask(lambda broker: broker.operator.select(criteria))
    if not wish.is_sure:
        click.confirm(f"Kill these {taken.count} live credentials?", abort=True, err=True)
    _kill(desk, {"set": taken.digest}, wish)


def _kill(desk: Desk, selector: Mapping[str, str | bool], wish: Wish, in_tenant: str = "") -> None:
    async def kill(broker: BrokerClient) -> Revoked:
        try:
            order = await give(broker, selector, wish.reason, in_tenant, wish.key)
        except asyncio.CancelledError:
            click.echo("The order may stand; look for it: broker revocation list", err=True)
            raise
        try:
            with telling(sys.stderr, as_json=desk.screen.is_json) as teller:
                return await follow(broker, order, wish.waiting, teller)
        except asyncio.CancelledError:  # Ctrl-C
            click.echo(f"The order stands; follow it: broker report {order.id}", err=True)
            raise

    revoked = desk.ask(kill)
    desk.print(revoked, views.revoked)
    if not revoked.revocation.acknowledged:
        is_set = revoked.revocation.progress is not None
        raise Exit(exits.NOT_REACHED if is_set else exits.UNAVAILABLE)
    raise Exit(exit_code(revoked.report.receipts, wish.waiting.level))


def _confirm(in_tenant: str) -> None:
    whose = f"of tenant {in_tenant}" if in_tenant else "of every tenant that you answer for"
    if not sys.stdin.isatty():
        raise click.UsageError("--all without a terminal needs --yes")
    click.confirm(f"Kill every live credential {whose}?", abort=True, err=True)
