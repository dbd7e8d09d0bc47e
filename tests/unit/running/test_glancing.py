import asyncio

import pytest

from broker.client.api_errors import CredentialEndedError
from broker.client.held import Asked, HeldCredential
from broker.client.results import Credential, IssuedCredential
from broker.running.glancing import GLANCE_MS, Glances
from tests.fakes.clock import FakeClock
from tests.fakes.delivered import issued
from tests.fakes.shown_credentials import shown


class Desk:
    """A broker that says what has become of credentials, when it may."""

    def __init__(self) -> None:
        self.ended_by = ""
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def show(self, credential: str) -> Credential:
        """Show one."""
        self.asked += 1
        await self.may_answer.wait()
        return shown(credential, self.ended_by)


async def _never(*, idempotency_key: str) -> IssuedCredential:
    raise AssertionError(idempotency_key)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that a test advances."""
    return FakeClock()


@pytest.fixture
def held(clock: FakeClock) -> HeldCredential:
    """A token that needs no renewal yet."""
    return HeldCredential(issued(), Asked.now(clock), _never, clock=clock)


async def _used(glances: Glances, held: HeldCredential, times: int = 1) -> None:
    for _ in range(times):
        glances.at(held)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_what_is_used_is_handed_out_no_more_when_it_has_ended(
    clock: FakeClock, held: HeldCredential
) -> None:
    """Nobody waits for the glance; the next use knows."""
    desk = Desk()
    glances = Glances(desk.show, clock)
    await _used(glances, held)
    desk.ended_by = "operator"

    clock.advance(GLANCE_MS)
    await _used(glances, held)

    with pytest.raises(CredentialEndedError, match="operator"):
        await held.token()


async def test_it_is_glanced_at_every_two_seconds_at_most(
    clock: FakeClock, held: HeldCredential
) -> None:
    """And not at all while it is new: it was given a moment ago."""
    desk = Desk()
    glances = Glances(desk.show, clock)

    await _used(glances, held, 100)
    clock.advance(GLANCE_MS - 1)
    await _used(glances, held, 100)
    assert desk.asked == 0

    clock.advance(1)
    await _used(glances, held, 100)
    assert desk.asked == 1
    assert (await held.token()).reveal() == issued().access_token.reveal()


async def test_a_broker_that_is_slow_is_asked_once_and_left_at_the_end(
    clock: FakeClock, held: HeldCredential
) -> None:
    """Uses do not heap up questions."""
    desk = Desk()
    desk.may_answer.clear()
    glances = Glances(desk.show, clock)
    await _used(glances, held)

    for _ in range(5):
        clock.advance(GLANCE_MS)
        await _used(glances, held)
    await glances.stop()

    assert desk.asked == 1
    assert (await held.token()).reveal() == issued().access_token.reveal()
