"""`broker review list|show|answer`: what is asked of whom, and the answers."""

from typing import Any, Final

import click

from broker.cli import review_views
from broker.cli.desk import Desk, at_desk
from broker.cli.one import One
from broker.client.api import BrokerClient
from broker.client.review_results import ReviewedAgent

VERDICT: Final = click.Choice(["keep", "narrow", "revoke"])


@click.command(name="list", short_help="List the reviews that you may see.")
@click.option("--tenant", cls=One, help="Only this tenant's.")
@click.option("--state", cls=One, help="Only those: open, answered, superseded.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, **which: Any) -> None:  # noqa: ANN401 - the keywords of ReviewCalls.find
    """List the reviews of your tenants, as an operator, or those that you have to answer."""
    named = {name: value for name, value in which.items() if value not in (None, "")}
    desk.answer(lambda broker: broker.reviews.find(**named), review_views.reviews)


@click.command(short_help="Show a review and its agents.")
@click.argument("review")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many agents to a page.")
@at_desk
def show(desk: Desk, /, review: str, **page: Any) -> None:  # noqa: ANN401 - the keywords of ReviewCalls.agents
    """Show a review, and what each of its agents was granted, used, and what is suggested."""
    named = {name: value for name, value in page.items() if value not in (None, "")}

    async def ask(broker: BrokerClient) -> dict[str, object]:
        agents = await broker.reviews.agents(review, **named)
        return {"review": await broker.reviews.show(review), **_members(agents)}

    desk.answer(ask, review_views.review)


@click.command(short_help="Answer about an agent.")
@click.argument("review")
@click.argument("agent")
@click.argument("verdict", type=VERDICT)
@click.option("--reason", cls=One, required=True, help="Why, for the audit trail.")
@click.option(
    *("--packet", "packet"),
    cls=One,
    help="The digest of what you looked at. Default: what stands now.",
)
@click.option(
    *("--ceiling", "ceiling"),
    multiple=True,
    metavar="'CAPABILITY SCOPE'",
    help="What is left of it, line by line. Default: what is suggested.",
)
@click.option(
    "--review-by", cls=One, help="Until when it is in order. Default: as the review says."
)
@at_desk
def answer(desk: Desk, /, review: str, agent: str, verdict: str, **said: Any) -> None:  # noqa: ANN401 - the keywords of ReviewCalls.answer
    """Answer about AGENT: keep it as it is, narrow it, or revoke it.

    The first answer about an agent stands. What follows of it takes place at once where the facts
    register the agent; of agents.yaml it is said what has to be changed there.
    """
    packet, given = said.pop("packet"), {k: v for k, v in said.items() if v not in (None, "", ())}

    async def ask(broker: BrokerClient) -> ReviewedAgent:
        stands = packet or (await broker.reviews.show(review)).packet
        return await broker.reviews.answer(review, agent, verdict, packet=stands, **given)

    desk.answer(ask, review_views.answered)


def _members(page: Any) -> dict[str, object]:  # noqa: ANN401 - a page of the client
    return {name: getattr(page, name) for name in page.__struct_fields__}
