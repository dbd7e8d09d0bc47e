"""Uses are told to the broker together, again where nobody heard, and never in the way."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from broker.client.api_errors import refusal
from broker.client.errors import BrokerUnreachableError, ReplyLostError
from broker.client.results import Task
from broker.client.use_results import SayUse
from broker.proxy import Use
from broker.running.reporting import UseReporter
from tests.fakes.answers import TASK
from tests.fakes.samples import LEASE
from tests.fakes.until import until

GONE = BrokerUnreachableError("it is not there")


def refused(status: int, code: str) -> Exception:
    """What the broker answers."""
    return refusal(status, b'{"type":"https://jit-broker.example/problems/%s"}' % code.encode())


@dataclass
class Ear:
    """The broker: fails as it is told to, then hears."""

    failures: list[Exception] = field(default_factory=list)
    heard: list[tuple[int, int]] = field(default_factory=list)
    """Of each batch: how many exchanges it told of, and how many more there were."""
    keys: list[str] = field(default_factory=list)

    async def __call__(
        self, task: str, uses: Sequence[SayUse], /, *, untold: int, idempotency_key: str
    ) -> Task:
        """Hear."""
        assert task == TASK
        self.keys.append(idempotency_key)
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append((sum(each.times for each in uses), untold))
        return None  # type: ignore[return-value]  # nobody looks at it


def uses(count: int) -> list[Use]:
    """So many exchanges."""
    made = Use(at_ms=1_000, outcome="answered", credential=LEASE, rule="orders", status=200)
    return [made] * count


async def at_once(_: float) -> None:
    """Wait for nothing."""
    await asyncio.sleep(0)


async def test_uses_are_told_together_and_the_rest_on_leaving() -> None:
    """A thousand requests are one row."""
    ear, told = Ear(), asyncio.Event()

    async def never(seconds: float) -> None:
        if told.is_set():
            await asyncio.sleep(3600)
        told.set()
        assert seconds == 1

    async with UseReporter(ear, TASK, sleep=never) as reporter:
        await reporter.report(uses(1_000))
        await until(lambda: bool(ear.heard))
        await reporter.report(uses(3), 2)
        assert reporter.untold == 5

    assert ear.heard == [(1_000, 0), (3, 2)]
    assert reporter.untold == 0
    assert len({*ear.keys}) == 2


@pytest.mark.parametrize(
    "failure",
    [
        GONE,
        ReplyLostError("lost"),
        refused(503, "unavailable"),
        refused(500, "internal"),
        refused(429, "slow-down"),
        refused(401, "unauthenticated"),
        refused(400, "invalid-dpop-proof"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_what_may_not_have_been_heard_is_told_again_under_its_key(failure: Exception) -> None:
    """With what it had, and before anything younger."""
    ear = Ear([failure, failure])

    async with UseReporter(ear, TASK, sleep=at_once) as reporter:
        await reporter.report(uses(2))
        await until(lambda: len(ear.keys) > 1)
        await reporter.report(uses(5))

    assert ear.heard == [(2, 0), (5, 0)]
    assert len({*ear.keys}) == 2
    assert reporter.trouble is None


async def test_what_is_refused_is_missing_in_the_next_batch() -> None:
    """It is not sent for ever."""
    ear = Ear([refused(400, "invalid-request")])

    async with UseReporter(ear, TASK, sleep=at_once) as reporter:
        await reporter.report(uses(2))
        await until(lambda: bool(ear.keys))
        await reporter.report(uses(5))

    assert ear.heard == [(5, 2)]


@pytest.mark.parametrize("over", [refused(409, "task-closed"), refused(404, "not-found")])
async def test_of_a_task_that_is_over_nothing_more_is_told(over: Exception) -> None:
    """How much that is, and why, can be asked."""
    ear = Ear([over])

    async with UseReporter(ear, TASK, sleep=at_once) as reporter:
        await reporter.report(uses(2))
        await until(lambda: bool(ear.keys))
        await reporter.report(uses(5))

    assert (len(ear.keys), reporter.untold) == (1, 7)
    assert reporter.trouble is over


async def test_a_broker_that_is_away_holds_leaving_up_no_longer_than_is_said() -> None:
    """And taking uses not at all."""

    class Away(Ear):
        """Never answers."""

        async def __call__(
            self, task: str, uses: Sequence[SayUse], /, *, untold: int, idempotency_key: str
        ) -> Task:
            """Hang."""
            await asyncio.sleep(3600)
            return await super().__call__(
                task, uses, untold=untold, idempotency_key=idempotency_key
            )

    async with UseReporter(Away(), TASK, last_seconds=0.05, sleep=at_once) as reporter:
        await reporter.report(uses(9), 1)
        await asyncio.sleep(0)

    assert reporter.untold == 10


async def test_a_slip_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is raised."""
    ear = Ear([RuntimeError("a slip")])

    async with UseReporter(ear, TASK, sleep=at_once) as reporter:
        await reporter.report(uses(1))

    assert ear.heard == [(1, 0)]
    assert "slip" not in caplog.text
