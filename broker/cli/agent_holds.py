"""`broker agent suspend|resume`: stopping an agent at once, and letting it go on."""

from collections.abc import Mapping, Sequence

import click

from broker.cli.desk import Desk, at_desk
from broker.cli.fact_wish import Make, Wish, order, wish_options
from broker.client.api import BrokerClient


@click.command(short_help="Stop an agent until it is resumed.")
@click.argument("name")
@wish_options
@at_desk
def suspend(desk: Desk, /, name: str, wish: Wish) -> None:
    """Stop an agent: it gets nothing any more, and what it holds dies within two seconds.

    It is a hold on agent:NAME, whether agents.yaml registers it or somebody else did.
    """
    order(desk, wish, _of("hold", name))


@click.command(short_help="Let a suspended agent go on.")
@click.argument("name")
@wish_options
@at_desk
def resume(desk: Desk, /, name: str, wish: Wish) -> None:
    """Let a suspended agent go on. What has died stays dead: it asks anew."""
    order(desk, wish, _of("lift", name))


def _of(op: str, name: str) -> Make:
    async def make(broker: BrokerClient) -> tuple[Sequence[Mapping[str, object]], int | None]:
        """Find whose agent it is: its name is taken once over all tenants."""
        tenant = (await broker.operator.agent(name)).tenant
        return [{"op": op, "tenant": tenant, "ref": f"agent:{name}"}], None

    return make
