"""Telling the story: step after step, to the end or to the first one that went wrong."""

from collections.abc import Sequence

import aiohttp

from broker.client.errors import ClientError
from broker.clock import Clock
from broker.dev.console import Reporter
from broker.dev.processes import ProcessFailedError
from broker.dev.step import Outcome, S, Step, StepFailedError
from broker.errors import BrokerError


async def play(stage: S, steps: Sequence[Step[S]], reporter: Reporter, clock: Clock) -> str:
    """Take the steps in order; return the failure, or nothing when all went as they must."""
    for step in steps:
        reporter.begin(step.chapter, step.title)
        outcome = await _take(stage, step, clock)
        reporter.done(outcome)
        if outcome.failure is not None:
            return f"Step {step.name!r} failed: {outcome.failure}"
    return ""


async def _take(stage: S, step: Step[S], clock: Clock) -> Outcome:
    started_ms = clock.monotonic_ms()
    seen, failure = "", None
    try:
        seen = await step.act(stage)
    except StepFailedError as error:
        seen, failure = error.seen, error
    except (ClientError, BrokerError, ProcessFailedError, aiohttp.ClientError, OSError) as error:
        seen = f"{type(error).__name__}: {error}"
        failure = StepFailedError(expected="success", seen=seen)
    took_ms = clock.monotonic_ms() - started_ms
    return Outcome(step.name, step.chapter, step.title, seen, took_ms, failure)
