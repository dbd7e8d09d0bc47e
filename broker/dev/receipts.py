"""Reading receipts until they are final, as an operator would."""

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Final

from broker.dev.stage import Stage
from broker.dev.step import Death, StepFailedError, expect

FINAL: Final = frozenset({"confirmed", "expired"})
PATIENCE_SECONDS: Final = 15.0
"""How long a receipt may take: beyond the staleness bound after which silence confirms."""

PAUSE_SECONDS: Final = 0.01


async def all_final(stage: Stage, task: str, credentials: Collection[str]) -> dict[str, str]:
    """Read a task's report until each of the credentials has a final receipt; return the states.

    Raises:
        StepFailedError: one has none in time.
    """
    states: dict[str, str] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not _are_final(states, credentials):
                states = await states_of(stage, task)
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError as error:
        seen = {name: states.get(name, "no receipt") for name in credentials}
        raise StepFailedError(expected="receipts that are final", seen=str(seen)) from error
    return states


async def states_of(stage: Stage, task: str) -> dict[str, str]:
    """Read the receipts of a task and all below it; return their states by credential."""
    receipts = stage.operator.at_next().tasks.receipts(task)
    return {receipt.credential: receipt.state async for receipt in receipts}


async def collect(stage: Stage) -> str:
    """Read all receipts of the story: what was killed is confirmed, what aged is expired."""
    for job in stage.jobs.values():
        states = await all_final(stage, job.task, [job.credential])
        state = states[job.credential]
        wanted = "expired" if job.cause == "deadline" else "confirmed"
        expect(state == wanted, expected=f"{wanted} for {job.name}", seen=state)
        death = Death(job.name, job.task, job.credential, job.cause, state, job.took_ms)
        stage.deaths.append(death)
    counts = Counter(death.state for death in stage.deaths)
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _are_final(states: dict[str, str], credentials: Collection[str]) -> bool:
    return all(states.get(name) in FINAL for name in credentials)
