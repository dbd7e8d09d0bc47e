"""`broker agent suspend|resume|retire`: stopping an agent, letting it go on, and ending it."""

from typing import Final

import click

from broker.cli.desk import Desk, at_desk
from broker.cli.fact_puts import put_over
from broker.cli.fact_wish import Made, Wish, order, wish_options
from broker.cli.failure import CommandFailedError
from broker.client.agent_results import Agent
from broker.client.api import BrokerClient
from broker.model.fact import BUNDLE

_RETIRED: Final = "retired"


@click.command(short_help="Stop an agent until it is resumed.")
@click.argument("name")
@wish_options
@at_desk
def suspend(desk: Desk, /, name: str, wish: Wish) -> None:
    """Stop an agent: it gets nothing any more, and what it holds dies within two seconds.

    It is a hold on agent:NAME, whether agents.yaml registers it or somebody else did.
    """

    async def hold(broker: BrokerClient) -> Made:
        return [_of("hold", await broker.operator.agent(name))], None

    order(desk, wish, hold)


@click.command(short_help="Let a suspended agent go on.")
@click.argument("name")
@wish_options
@at_desk
def resume(desk: Desk, /, name: str, wish: Wish) -> None:
    """Let a suspended agent go on. What has died stays dead: it asks anew."""

    async def lift(broker: BrokerClient) -> Made:
        agent = await broker.operator.agent(name)
        if agent.status == _RETIRED:
            raise CommandFailedError(
                f"Agent {name} is retired, and that is final: register another one."
            )
        return [_of("lift", agent)], None

    order(desk, wish, lift)


@click.command(short_help="End an agent for good.")
@click.argument("name")
@wish_options
@at_desk
def retire(desk: Desk, /, name: str, wish: Wish) -> None:
    """End an agent for good: it gets nothing ever again, and what it holds dies within two seconds.

    It cannot be resumed, nor made active by a later change. --dry-run shows first who would die. An
    agent of agents.yaml is retired there, and by `broker apply`.
    """

    async def put(broker: BrokerClient) -> Made:
        agent = await broker.operator.agent(name)
        if agent.source == BUNDLE:
            raise CommandFailedError(_in_bundle(name))
        known = await broker.facts.thing(f"agent:{name}", tenant=agent.tenant)
        return [put_over(known, {"status": _RETIRED})], known.revision

    order(desk, wish, put)


def _of(op: str, agent: Agent) -> dict[str, object]:
    return {"op": op, "tenant": agent.tenant, "ref": f"agent:{agent.name}"}


def _in_bundle(name: str) -> str:
    return (
        f"Agent {name} is declared in agents.yaml: write `status: retired` there and run "
        f"`broker apply`.\nTo stop it at once: broker agent suspend {name} --reason ..."
    )
