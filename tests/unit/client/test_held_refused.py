"""A token that a server has refused is renewed, once for all, and never in a loop."""

import asyncio

import pytest

from broker.client.api_errors import CredentialEndedError, refusal
from broker.client.errors import ReplyLostError
from tests.fakes.clock import FakeClock
from tests.unit.client.test_held import Broker, hold, shown

FIRST = "Bearer token-1"


@pytest.fixture
def clock() -> FakeClock:
    """A clock that a test moves."""
    return FakeClock()


@pytest.fixture
def broker() -> Broker:
    """A broker that renews."""
    return Broker()


async def test_a_refused_token_is_followed_by_a_younger_one(
    broker: Broker, clock: FakeClock
) -> None:
    """Long before it would have been renewed by itself."""
    held = hold(broker, clock)
    clock.advance(5_000)

    assert await held.refused(FIRST)
    assert await shown(held) == "token-2"


async def test_all_who_were_refused_share_one_renewal(broker: Broker, clock: FakeClock) -> None:
    """Who comes late with the former token is told that there is another one already."""
    held = hold(broker, clock)
    clock.advance(5_000)

    together = await asyncio.gather(*(held.refused(FIRST) for _ in range(20)))
    late = await held.refused(FIRST)

    assert all(together)
    assert late
    assert len(broker.keys) == 1


@pytest.mark.parametrize(("age_ms", "renewals"), [(0, 0), (4_999, 0), (5_000, 1)])
async def test_a_token_of_a_moment_ago_is_not_renewed(
    broker: Broker, clock: FakeClock, age_ms: int, renewals: int
) -> None:
    """A server that refuses whatever it is shown makes no storm."""
    held = hold(broker, clock)
    clock.advance(age_ms)

    assert await held.refused(FIRST) is bool(renewals)
    assert not await held.refused("Bearer token-2") or not renewals
    assert len(broker.keys) == renewals


async def test_a_broker_that_does_not_answer_is_asked_after_a_pause(
    broker: Broker, clock: FakeClock
) -> None:
    """Meanwhile the token that is there is all there is."""
    held = hold(broker, clock)
    clock.advance(5_000)
    broker.failures = [ReplyLostError()]

    assert not await held.refused(FIRST)
    assert await shown(held) == "token-1"
    assert await held.refused(FIRST)
    assert len(broker.keys) == 2


async def test_a_credential_that_has_ended_is_found_out(broker: Broker, clock: FakeClock) -> None:
    """The server knew before: there is no other token, and this one is handed out no more."""
    held = hold(broker, clock)
    clock.advance(5_000)
    broker.failures = [refusal(410, b'{"type": "https://x/credential-ended"}')]

    assert not await held.refused(FIRST)
    with pytest.raises(CredentialEndedError):
        await held.token()
