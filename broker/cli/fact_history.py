"""`broker facts history|rollback`: who changed what, and taking it back."""

from collections.abc import Awaitable, Callable
from typing import Any

import click

from broker.cli import fact_views
from broker.cli.desk import Desk, at_desk
from broker.cli.fact_wish import Wish, carry_out, wish_options
from broker.cli.one import One
from broker.client.api import BrokerClient
from broker.client.fact_results import Changed

REVISION = click.IntRange(min=1)


@click.command(short_help="Show who changed what, and why.")
@click.argument("revision", type=REVISION, required=False)
@click.option("--tenant", cls=One, help="Only what touches this tenant.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def history(desk: Desk, /, revision: int | None, tenant: str, **page: Any) -> None:  # noqa: ANN401 - the keywords of a page
    """List what was changed within your tenants, newest first; with REVISION, what that changed."""
    if revision is None:
        desk.answer(lambda broker: broker.facts.history(tenant=tenant, **page), fact_views.history)
        return
    if tenant:
        raise click.UsageError("--tenant narrows the list: leave it away with REVISION")
    desk.answer(lambda broker: broker.facts.revision(revision, **page), fact_views.entry)


@click.command(short_help="Take a change back.")
@click.argument("revision", type=REVISION)
@wish_options
@at_desk
def rollback(desk: Desk, /, revision: int, wish: Wish) -> None:
    """Take back what REVISION changed, as a new revision.

    What others have changed since stays; where it stands in the way, nothing is taken back, and
    what stands in the way is named. Credentials that died stay dead.
    """

    def send(given: Wish) -> Callable[[BrokerClient], Awaitable[Changed]]:
        return lambda broker: broker.facts.roll_back(
            revision,
            reason=given.reason,
            base=given.base,
            dry_run=given.is_dry,
            accept=given.accept,
            idempotency_key=given.key,
        )

    carry_out(desk, wish, send)
