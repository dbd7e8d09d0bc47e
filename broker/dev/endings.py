"""How the story's credentials die, and how that is measured: at the resource server, by use."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from broker.client.results import Task
from broker.dev.acts import Plan
from broker.dev.receipts import states_of
from broker.dev.stage import Job, Stage
from broker.dev.step import expect

REVOKED: Final = "revoked"
EXPIRED: Final = "expired"
"""The words by which the resource server says why it refuses."""

ROUNDING_MS: Final = 5
"""Two clocks, each read in whole milliseconds."""


async def complete(stage: Stage, plan: Plan, below: str = "") -> str:
    """Say that the task is done; the child, if there is one (by its key), dies with it."""

    async def end() -> None:
        await stage.orchestrator.at_next().tasks.complete(stage.jobs[plan.key].task)

    return await _kill(stage, [key for key in (plan.key, below) if key], end, cause="done")


async def revoke(stage: Stage, plan: Plan) -> str:
    """Let the operator pull the plug."""

    async def end() -> None:
        order = await stage.operator.at_next().operator.revoke(
            {"task": stage.jobs[plan.key].task}, reason="the story says so"
        )
        expect(order.acknowledged, expected="an acknowledged order", seen=order.pending_buckets)

    return await _kill(stage, (plan.key,), end, cause="operator")


async def fall_silent(stage: Stage, plan: Plan) -> str:
    """Do nothing, until the reaper ends the task."""
    job = stage.jobs[plan.key]
    refused_ms = stage.wall_ms(await stage.visitor.first_refusal_ms(job.token, REVOKED))
    task = await stage.operator.at_next().tasks.show(job.task)
    expect(task.ended_by == "idle", expected="a task ended by idle", seen=task.ended_by or "alive")
    return _died(job, "silence", refused_ms - _due_ms(task))


async def grow_old(stage: Stage, plan: Plan) -> str:
    """Wait until the credential has reached its deadline; its task goes on."""
    job = stage.jobs[plan.key]
    refused_ms = stage.wall_ms(await stage.visitor.first_refusal_ms(job.token, EXPIRED))
    task = await stage.operator.at_next().tasks.show(job.task)
    expect(task.alive, expected="a task that goes on", seen=task.ended_by)
    return _died(job, "deadline", refused_ms - job.expires_at_ms)


async def _kill(
    stage: Stage, keys: Sequence[str], end: Callable[[], Awaitable[None]], *, cause: str
) -> str:
    """End a task while its tokens are in use, and wait for the first refusal of each."""
    jobs = [stage.jobs[key] for key in keys]
    watches = [
        asyncio.create_task(stage.visitor.first_refusal_ms(job.token, REVOKED)) for job in jobs
    ]
    try:
        called_ms = stage.clock.monotonic_ms()
        await end()
        await _listen_for_lies(stage, jobs, watches)
        refused_ms = [await watch for watch in watches]
    finally:
        for watch in watches:
            watch.cancel()
    causes = [cause, *(["parent"] * (len(jobs) - 1))]
    ends = zip(jobs, causes, refused_ms, strict=True)
    return ", ".join(_died(job, why, refused - called_ms) for job, why, refused in ends)


async def _listen_for_lies(
    stage: Stage, jobs: Sequence[Job], watches: Sequence[asyncio.Task[int]]
) -> None:
    """Read the receipts until the tokens are refused.

    One that says "confirmed" before its token is refused is a lie: the next use would show it.
    """
    while not all(watch.done() for watch in watches):
        states = await states_of(stage, jobs[0].task)
        for job in jobs:
            if states.get(job.credential) == "confirmed":
                await stage.visitor.is_refused(job.token, REVOKED)


def _died(job: Job, cause: str, took_ms: int) -> str:
    expect(took_ms >= -ROUNDING_MS, expected="a death after its cause", seen=f"{took_ms} ms")
    job.cause, job.took_ms = cause, max(took_ms, 0)
    return f"{job.took_ms} ms later"


def _due_ms(task: Task) -> int:
    seen_ms = round(task.agent_seen_at.timestamp() * 1000) if task.agent_seen_at else 0
    return seen_ms + round(task.idle_timeout_seconds * 1000)
