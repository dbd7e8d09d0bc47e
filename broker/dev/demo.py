"""The whole story, from the first process started to the last one gone."""

from collections.abc import Sequence

import aiohttp

from broker.client.endpoint import open_session
from broker.clock import Clock
from broker.dev.commands import Commands
from broker.dev.console import Reporter
from broker.dev.processes import Processes
from broker.dev.setup import CLOSING, OPENING, Setup
from broker.dev.stage import Stage
from broker.dev.step import Step
from broker.dev.steps import STEPS
from broker.dev.story import play

INTERRUPTED = "Interrupted."


async def tell_story(
    reporter: Reporter,
    commands: Commands,
    clock: Clock,
    *,
    brokers: int = 1,
    steps: Sequence[Step[Stage]] = STEPS,
) -> str:
    """Tell it; return what went wrong, or nothing. However it ends, nothing is left running.

    The verdict comes last: only then has everything really stopped.

    Raises:
        ProcessFailedError: the state directory could not be removed.
    """
    failure = INTERRUPTED
    try:
        async with Processes() as processes, open_session() as session:
            setup = Setup(processes, session, commands, brokers=brokers)
            try:
                failure = await _tell(setup, session, steps, reporter, clock)
            finally:
                await setup.close()
    finally:
        reporter.end(failure)
    return failure


async def _tell(
    setup: Setup,
    session: aiohttp.ClientSession,
    steps: Sequence[Step[Stage]],
    reporter: Reporter,
    clock: Clock,
) -> str:
    failure = await play(setup, OPENING, reporter, clock)
    if failure:
        return failure
    stage = Stage(
        passports=setup.passports,
        session=session,
        brokers=setup.addresses.brokers,
        resource=setup.resource,
        clock=clock,
    )
    failure = await play(stage, steps, reporter, clock)
    if failure:
        return "\n".join([failure, *setup.last_words()])
    reporter.receipts(stage.deaths)
    return await play(setup, CLOSING, reporter, clock)
