"""The set-up that stays up, for whoever wants to play: `broker dev`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.client.endpoint import open_session
from broker.clock import Clock
from broker.dev.commands import Commands
from broker.dev.console import Reporter
from broker.dev.processes import Processes
from broker.dev.setup import AUDIENCE, OPENING, Setup
from broker.dev.story import play

RENEW_SECONDS: Final = 1800
"""How often the resource server gets a fresh workload token: twice in the life of one."""


@dataclass(frozen=True, slots=True)
class Playground:
    """What is up, and where."""

    brokers: tuple[str, ...]
    issuer: str
    resource: str
    audience: str
    state: Path
    config: Path
    """The broker's own configuration, for the commands that read one."""


async def stay_up(
    reporter: Reporter, commands: Commands, clock: Clock, *, ready: Callable[[Playground], None]
) -> str:
    """Set everything up, say so, and stay until cancelled; return what went wrong, if it did."""
    async with Processes() as processes, open_session() as session:
        setup = Setup(processes, session, commands, brokers=1)
        try:
            failure = await play(setup, OPENING, reporter, clock)
            if not failure:
                ready(_described(setup))
                await _keep_up(setup)
        finally:
            await setup.close()
    return failure


def _described(setup: Setup) -> Playground:
    return Playground(
        brokers=setup.addresses.brokers,
        issuer=setup.addresses.workload_issuer,
        resource=setup.resource,
        audience=AUDIENCE,
        state=setup.state,
        config=setup.config[0],
    )


async def _keep_up(setup: Setup) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        await setup.renew_resource_token()
