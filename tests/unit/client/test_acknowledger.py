import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.client.acknowledger import Acknowledger
from broker.client.backoff import Backoff
from broker.client.frames import Position
from tests.fakes.until import until


class Broker:
    """Takes acknowledgements one by one, when it is let."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.failures = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def take(self, position: Position) -> None:
        """Take one, or fail."""
        await self.may_answer.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.told.append(position.seq)


class Stand:
    """Where a view stands."""

    def __init__(self) -> None:
        self.position: Position | None = None

    def newest(self) -> Position | None:
        """Return it."""
        return self.position


@pytest.fixture
def broker() -> Broker:
    """Return a broker that takes everything."""
    return Broker()


@pytest.fixture
def stand() -> Stand:
    """Return a view that stands nowhere yet."""
    return Stand()


@pytest.fixture
async def acknowledger(broker: Broker, stand: Stand) -> AsyncIterator[Acknowledger]:
    """Return a running acknowledger."""
    acknowledger = Acknowledger(stand.newest, broker.take, Backoff(first_seconds=0))
    running = asyncio.create_task(acknowledger.run())
    yield acknowledger
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nothing_is_told_before_something_is_applied(
    acknowledger: Acknowledger, broker: Broker, stand: Stand
) -> None:
    """A view without a position has nothing to say."""
    acknowledger.wake()
    await asyncio.sleep(0.01)
    assert broker.told == []

    stand.position = Position("e", 3)
    acknowledger.wake()
    await until(lambda: broker.told == [3])


async def test_what_comes_meanwhile_is_told_at_once(
    acknowledger: Acknowledger, broker: Broker, stand: Stand
) -> None:
    """A hundred positions during one request are one request afterwards."""
    broker.may_answer.clear()
    for seq in range(1, 101):
        stand.position = Position("e", seq)
        acknowledger.wake()
        await asyncio.sleep(0)

    broker.may_answer.set()

    await until(lambda: broker.told == [1, 100])


async def test_the_same_position_is_told_once_per_connection(
    acknowledger: Acknowledger, broker: Broker, stand: Stand
) -> None:
    """Signs of life repeat nothing; a new connection may lead to another broker."""
    stand.position = Position("e", 3)
    for _ in range(3):
        acknowledger.wake()
        await asyncio.sleep(0.005)
    assert broker.told == [3]

    acknowledger.restart()
    acknowledger.wake()
    await until(lambda: broker.told == [3, 3])


async def test_a_position_of_another_epoch_is_another_position(
    acknowledger: Acknowledger, broker: Broker, stand: Stand
) -> None:
    """The same number in another life of the ledger is news."""
    for epoch in ("e1", "e2"):
        stand.position = Position(epoch, 3)
        acknowledger.wake()
        await asyncio.sleep(0.005)

    assert broker.told == [3, 3]


async def test_a_failure_is_repeated_with_what_is_newest_then(
    acknowledger: Acknowledger, broker: Broker, stand: Stand
) -> None:
    """No new message is needed for it."""
    broker.failures = 5
    broker.may_answer.clear()
    stand.position = Position("e", 3)
    acknowledger.wake()
    await asyncio.sleep(0)
    stand.position = Position("e", 9)

    broker.may_answer.set()

    await until(lambda: broker.told == [9])
