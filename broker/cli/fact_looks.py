"""`broker facts list|show|reach`: what there is, and how it hangs together."""

from typing import Any

import click

from broker.cli import fact_views
from broker.cli.desk import Desk, at_desk
from broker.cli.fact_words import KIND, REF, complete_ref, ref_argument, tenant_option
from broker.cli.one import One


@click.command(name="list", short_help="List the things of your tenants.")
@click.option("--kind", type=KIND, help="Only things of this kind.")
@click.option("--tenant", cls=One, help="Only this tenant's.")
@click.option("--status", cls=One, help="Only those: open, active, retired, …")
@click.option("--source", cls=One, help="Only what these files declare; bundle is agents.yaml.")
@click.option("--name", "q", cls=One, help="Only names like this: OPS-*, bot-?.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, **which: Any) -> None:  # noqa: ANN401 - the keywords of FactCalls.things
    """List agents, people, teams, tickets, workflows, datasets, tools and resources."""
    named = {name: value for name, value in which.items() if value not in (None, "")}
    desk.answer(lambda broker: broker.facts.things(**named), fact_views.things)


@click.command(short_help="Show a thing and its relationships.")
@ref_argument()
@tenant_option
@at_desk
def show(desk: Desk, /, ref: str, tenant: str) -> None:
    """Show a thing: what is said of it, whether it stands, and its relationships both ways."""
    desk.answer(lambda broker: broker.facts.thing(ref, tenant=tenant), fact_views.thing)


@click.command(short_help="Show what a thing reaches, or is reached from.")
@click.option(
    *("--from", "of"), type=REF, shell_complete=complete_ref, help="What does this reach?"
)
@click.option("--to", type=REF, shell_complete=complete_ref, help="Who and what reaches this?")
@click.option("--tenant", cls=One, help="Whose it is; needed when you answer for several.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def reach(desk: Desk, /, of: str | None, to: str | None, **where: Any) -> None:  # noqa: ANN401 - the keywords of FactCalls.reach
    """Show what a thing reaches along what counts now, or what reaches it, each with its way.

    A policy that permits because of a ticket, a team or a person asks exactly this.
    """
    if (of is None) == (to is None):
        raise click.UsageError("say one of --from and --to")
    named = {name: value for name, value in where.items() if value not in (None, "")}
    desk.answer(
        lambda broker: broker.facts.reach(of=of or "", to=to or "", **named), fact_views.reach
    )
