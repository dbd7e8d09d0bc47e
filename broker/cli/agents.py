"""`broker agent`: who is registered, and what is live of each."""

from typing import Any

import click

from broker.cli import agent_views
from broker.cli.agent_holds import resume, retire, suspend
from broker.cli.desk import Desk, at_desk
from broker.cli.one import One


@click.group(short_help="Look at agents, stop one, let it go on, end it.")
def agent() -> None:
    """Look at the agents of your tenants, stop one, let it go on, and end it, as an operator."""


@agent.command(name="list", short_help="List the agents of your tenants.")
@click.option("--tenant", cls=One, help="Only this tenant's.")
@click.option("--status", cls=One, help="Only those: active, suspended, retired.")
@click.option("--team", cls=One, help="Only this team's.")
@click.option("--name", cls=One, help="Only names like this: report-*, bot-?.")
@click.option("--cursor", cls=One, help="Where the page begins; the page before names it.")
@click.option("--limit", type=click.IntRange(1), help="How many to a page.")
@at_desk
def find(desk: Desk, /, **which: Any) -> None:  # noqa: ANN401 - the keywords of OperatorCalls.agents
    """List the agents of your tenants, and how far the quota of each is taken."""
    desk.answer(lambda broker: broker.operator.agents(**which), agent_views.agents)


@agent.command(short_help="Show an agent, and what it holds.")
@click.argument("name")
@at_desk
def show(desk: Desk, /, name: str) -> None:
    """Show an agent: what is registered, its open tasks, its live credentials, its cuts."""
    desk.answer(lambda broker: broker.operator.agent(name), agent_views.agent)


agent.add_command(suspend)
agent.add_command(resume)
agent.add_command(retire)
