import asyncio

import pytest

from broker.client.api_errors import (
    AccessRefusedError,
    ApiError,
    CredentialEndedError,
    CredentialNotRenewableError,
    TaskEndedError,
    refusal,
)
from broker.client.backoff import Backoff
from broker.client.errors import (
    BrokerUnreachableError,
    ClientError,
    ClosedError,
    CredentialExpiredError,
    ReplyLostError,
)
from broker.client.held import EARLIEST, LATEST, Asked, HeldCredential
from broker.client.results import IssuedCredential
from tests.fakes.clock import FakeClock
from tests.fakes.delivered import LIFE, issued


class Broker:
    """Renews: the next generation, or what a test has laid ready."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.failures: list[ClientError] = []
        self.generation = 1
        self.is_last = False
        self.gate: asyncio.Event | None = None

    async def renew(self, *, idempotency_key: str) -> IssuedCredential:
        """Answer one renewal."""
        self.keys.append(idempotency_key)
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.generation += 1
        return issued(self.generation, is_last=self.is_last)


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that a test moves."""
    return FakeClock()


@pytest.fixture
def broker() -> Broker:
    """Return a broker that renews."""
    return Broker()


def hold(
    broker: Broker, clock: FakeClock, chance: float = 0.0, **options: object
) -> HeldCredential:
    """Return a credential that was just got."""
    sleep = options.pop("sleep", asyncio.sleep)
    return HeldCredential(
        issued(**options),  # type: ignore[arg-type]
        Asked.now(clock),
        broker.renew,
        clock=clock,
        random=lambda: chance,
        sleep=sleep,  # type: ignore[arg-type]
        backoff=Backoff(first_seconds=0),
    )


async def shown(held: HeldCredential) -> str:
    """Return the current token's text."""
    return (await held.token()).reveal()


async def settle() -> None:
    """Let what was started come to its end."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
async def test_renewal_begins_at_a_share_of_the_life_that_chance_has_drawn(
    broker: Broker, clock: FakeClock, chance: float
) -> None:
    """Just before, nothing; at it, a renewal, while the old token still serves."""
    held = hold(broker, clock, chance)
    due_ms = int(LIFE * 1000 * (EARLIEST + (LATEST - EARLIEST) * chance))

    clock.advance(due_ms - 1)
    assert await shown(held) == "token-1"
    await settle()
    assert broker.keys == []

    clock.advance(2)
    assert await shown(held) == "token-1"
    await settle()
    assert (await shown(held), len(broker.keys)) == ("token-2", 1)


async def test_the_background_renews_before_expiry(broker: Broker, clock: FakeClock) -> None:
    """It sleeps until then, and again after each renewal, and ends with the last generation."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(int(seconds * 1000))
        broker.is_last = broker.generation == 2

    held = hold(broker, clock, sleep=sleep)
    await held.keep_fresh()

    assert broker.generation == 3
    assert sum(slept) == pytest.approx(2 * LIFE * EARLIEST, abs=0.2)
    assert not held.is_renewable


async def test_a_hundred_users_share_one_renewal(broker: Broker, clock: FakeClock) -> None:
    """All wait for the same one when the token has expired, and all get the new one."""
    held = hold(broker, clock)
    broker.gate = asyncio.Event()
    clock.advance(LIFE * 1000)

    users = [asyncio.create_task(shown(held)) for _ in range(100)]
    await settle()
    broker.gate.set()

    assert set(await asyncio.gather(*users)) == {"token-2"}
    assert len(broker.keys) == 1


async def test_a_user_that_gives_up_does_not_take_the_renewal_along(
    broker: Broker, clock: FakeClock
) -> None:
    """Cancelling one of them leaves the others their token."""
    held = hold(broker, clock)
    broker.gate = asyncio.Event()
    clock.advance(LIFE * 1000)
    first, second = (asyncio.create_task(shown(held)) for _ in range(2))
    await settle()

    first.cancel()
    await settle()
    broker.gate.set()

    assert await second == "token-2"
    assert first.cancelled()


def refused(status: int, code: str) -> ApiError:
    """Return a refusal."""
    return refusal(status, b'{"type":"https://x/%s"}' % code.encode())


FOR_GOOD = [
    (refused(403, "access-denied"), AccessRefusedError),
    (refused(409, "credential-not-renewable"), CredentialNotRenewableError),
]


@pytest.mark.parametrize(("failure", "kind"), FOR_GOOD)
async def test_a_refused_renewal_leaves_the_old_token_until_it_expires(
    broker: Broker, clock: FakeClock, failure: ApiError, kind: type[ApiError]
) -> None:
    """Nobody asks again; afterwards the refusal is what one gets."""
    held = hold(broker, clock)
    broker.failures = [failure]
    clock.advance(int(LIFE * 1000 * LATEST))

    assert await shown(held) == "token-1"
    await settle()
    assert isinstance(held.refusal, kind)
    clock.advance(LIFE * 1000 - int(LIFE * 1000 * LATEST) - 1)
    assert await shown(held) == "token-1"
    clock.advance(1)
    with pytest.raises(kind):
        await held.token()
    assert len(broker.keys) == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (refused(410, "credential-ended"), CredentialEndedError),
        (refused(409, "task-closed"), TaskEndedError),
    ],
)
async def test_a_credential_that_is_dead_is_not_handed_out_any_more(
    broker: Broker, clock: FakeClock, failure: ApiError, kind: type[ApiError]
) -> None:
    """The broker has said so, whatever the clock says."""
    held = hold(broker, clock)
    broker.failures = [failure]
    clock.advance(int(LIFE * 1000 * LATEST))
    await held.token()
    await settle()

    with pytest.raises(kind):
        await held.token()


@pytest.mark.parametrize(
    "failure",
    [
        ReplyLostError("x"),
        refused(503, "unavailable"),
        refused(401, "unauthenticated"),
    ],
)
async def test_what_may_pass_is_tried_again_with_the_same_key(
    broker: Broker, clock: FakeClock, failure: ClientError
) -> None:
    """A lost answer must not make two generations."""
    held = hold(broker, clock)
    broker.failures = [failure, failure]
    clock.advance(int(LIFE * 1000 * LATEST))

    for _ in range(3):
        await held.token()
        await settle()

    assert await shown(held) == "token-2"
    assert len(broker.keys) == 3
    assert len(set(broker.keys)) == 1
    assert held.refusal is None


async def test_a_new_generation_has_a_new_key(broker: Broker, clock: FakeClock) -> None:
    """Otherwise the broker would answer with the former one."""
    held = hold(broker, clock)
    for _ in range(2):
        clock.advance(LIFE * 1000)
        await held.token()

    assert len(set(broker.keys)) == 2


async def test_an_expired_token_is_never_handed_out(broker: Broker, clock: FakeClock) -> None:
    """Not when the broker is away: the error says why there is none."""
    held = hold(broker, clock)
    broker.failures = [ReplyLostError("x")] * 9
    clock.advance(LIFE * 1000)

    with pytest.raises(BrokerUnreachableError):
        await held.token()


async def test_the_last_generation_simply_expires(broker: Broker, clock: FakeClock) -> None:
    """No renewal is asked for where none can be had."""
    held = hold(broker, clock, is_last=True)
    await held.keep_fresh()
    clock.advance(LIFE * 1000 - 1)
    assert await shown(held) == "token-1"

    clock.advance(1)
    with pytest.raises(CredentialExpiredError):
        await held.token()
    assert broker.keys == []


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
async def test_a_clock_that_is_set_never_makes_a_token_younger(
    broker: Broker, clock: FakeClock, step_ms: int
) -> None:
    """Set back, the monotonic clock counts; set forward, the token is renewed for nothing."""
    held = hold(broker, clock)
    clock.advance(LIFE * 1000 - 1)
    clock.set_wall(clock.now_ms() + step_ms)
    clock.advance(1)

    assert await shown(held) == "token-2"


async def test_nothing_is_renewed_after_the_end(broker: Broker, clock: FakeClock) -> None:
    """And a renewal that is under way is called off, its waiters told."""
    held = hold(broker, clock)
    broker.gate = asyncio.Event()
    clock.advance(LIFE * 1000)
    waiting = asyncio.create_task(shown(held))
    await settle()

    await held.stop()

    with pytest.raises(ClosedError):
        await waiting
    with pytest.raises(ClosedError):
        await held.authorization()
    await held.keep_fresh()
    assert len(broker.keys) == 1


@pytest.mark.parametrize("life", [0, -5])
async def test_a_life_that_makes_no_sense_is_no_life(
    broker: Broker, clock: FakeClock, life: int
) -> None:
    """The background does not spin on it."""
    held = hold(broker, clock, life=life)

    await held.keep_fresh()

    assert broker.keys == []
    assert await shown(held) == "token-2"


async def test_the_header_is_ready_to_send(broker: Broker, clock: FakeClock) -> None:
    """And nothing of a held credential shows itself."""
    held = hold(broker, clock)

    assert await held.authorization() == {"Authorization": "Bearer token-1"}
    assert "token-1" not in f"{held!r} {held.current!r}"
