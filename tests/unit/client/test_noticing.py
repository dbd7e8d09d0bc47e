"""A holder looks whether its credential at a target was ended for the sake of others."""

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from broker.client.api_errors import ApiError, CredentialEndedError, IssuanceFailedError, refusal
from broker.client.backoff import Backoff
from broker.client.errors import BrokerUnreachableError, ClientError
from broker.client.held import Asked, HeldCredential
from broker.client.noticing import LOOK_SECONDS, Noticing
from broker.client.results import Credential, IssuedCredential
from broker.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.delivered import issued
from tests.fakes.shown_credentials import shown

FIRST = replace(issued(), kind="toy", target="yard", secret={"password": Secret("one")})
SECOND = replace(FIRST, id=f"{FIRST.id}-next", secret={"password": Secret("two")})


def failed() -> ApiError:
    """Refuse to mint, for now."""
    return refusal(502, b'{"type": "https://jit-broker.example/problems/issuance-failed"}')


class Yard:
    """A broker that shows what it is told, and gives another one when its refusals are over."""

    def __init__(self, *refusals: ClientError) -> None:
        self.shows: list[Credential | ClientError] = []
        self.refusals = list(refusals)
        self.asked: list[str] = []

    async def show(self, credential: str) -> Credential:
        """Show one; the last answer for ever."""
        self.asked.append(credential)
        answer = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        if isinstance(answer, ClientError):
            raise answer
        return replace(answer, id=credential)

    async def follow(self, *, idempotency_key: str) -> IssuedCredential:
        """Give another one."""
        assert idempotency_key
        if self.refusals:
            raise self.refusals.pop(0)
        return SECOND


class Nights:
    """Sleeping: the pauses that were made, and the end after so many."""

    def __init__(self, most: int) -> None:
        self.seconds: list[float] = []
        self._most = most

    async def __call__(self, seconds: float) -> None:
        """Sleep at once."""
        if len(self.seconds) == self._most:
            await asyncio.Event().wait()
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def hold(yard: Yard, sleep: Callable[[float], object] | None = None) -> HeldCredential:
    """Hold the first one."""
    clock = FakeClock()
    return HeldCredential(
        FIRST,
        Asked.now(clock),
        yard.follow,
        clock=clock,
        sleep=sleep or asyncio.sleep,  # type: ignore[arg-type]
        backoff=Backoff(first_seconds=0),
    )


async def look(yard: Yard, held: HeldCredential, nights: Nights) -> None:
    """Let it look as often as there are nights."""
    noticing = Noticing(held, yard.show, sleep=nights, random=lambda: 0.0)
    running = asyncio.create_task(noticing.run())
    for _ in range(100):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def words(held: HeldCredential) -> str:
    """Return what is delivered now."""
    return (await held.secret())["password"].reveal()


async def test_collateral_is_followed_without_anybody_s_asking() -> None:
    """In a look; a broker that did not answer before is asked again."""
    yard = Yard()
    yard.shows = [shown(FIRST.id), BrokerUnreachableError("x"), shown(FIRST.id, "collateral")]
    held, nights = hold(yard, Nights(1)), Nights(3)

    await look(yard, held, nights)

    assert yard.asked == [FIRST.id] * 3
    assert nights.seconds == [LOOK_SECONDS] * 3
    assert held.current is SECOND
    assert await words(held) == "two"


@pytest.mark.parametrize("ended_by", ["revoked", "given-back", "task-ended", "missing"])
async def test_what_was_ended_on_purpose_is_handed_out_no_more_and_not_followed(
    ended_by: str,
) -> None:
    """Whoever revoked it did not mean that its holder gets another one, or goes on with this."""
    yard = Yard()
    yard.shows = [shown(FIRST.id), shown(FIRST.id, ended_by)]
    held, nights = hold(yard), Nights(9)

    await look(yard, held, nights)

    assert len(nights.seconds) == 2
    assert held.current is FIRST
    with pytest.raises(CredentialEndedError, match=ended_by):
        await held.secret()


@pytest.mark.parametrize("ended_by", ["", "expired"])
async def test_what_lives_or_has_died_of_age_is_left_alone(ended_by: str) -> None:
    """Its holder's clocks tell."""
    yard = Yard()
    yard.shows = [shown(FIRST.id, ended_by)]
    held = hold(yard)

    await look(yard, held, Nights(3))

    assert held.current is FIRST
    assert await words(held) == "one"


async def test_one_that_was_followed_meanwhile_is_not_withdrawn() -> None:
    """What came after it lives."""
    yard = Yard()
    held = hold(yard)
    await held.supersede(FIRST.id)

    held.withdraw(FIRST.id, "given-back")

    assert await words(held) == "two"


async def test_the_one_that_has_ended_is_handed_out_no_more() -> None:
    """While there is no other one, whoever asks hears why; it is asked for again until it is."""
    yard = Yard(failed(), failed(), failed())
    gate = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await gate.wait()

    held = hold(yard, sleep)
    superseding = asyncio.create_task(held.supersede(FIRST.id))
    await asyncio.sleep(0)

    with pytest.raises(IssuanceFailedError):
        await words(held)
    gate.set()
    await asyncio.wait_for(superseding, 30)

    assert await words(held) == "two"


async def test_one_that_is_not_the_current_one_any_more_changes_nothing() -> None:
    """What came after it may live."""
    yard = Yard(failed())
    held = hold(yard)

    await held.supersede("l_00_former")

    assert await words(held) == "one"
    assert len(yard.refusals) == 1


async def test_a_refusal_for_good_ends_the_looking() -> None:
    """There will be no other one, and what there was is not handed out."""
    yard = Yard(refusal(410, b'{"type": "https://jit-broker.example/problems/credential-ended"}'))
    yard.shows = [shown(FIRST.id, "collateral")]
    held, nights = hold(yard, Nights(1)), Nights(10)

    await Noticing(held, yard.show, sleep=nights, random=lambda: 0.0).run()

    assert len(nights.seconds) == 1
    with pytest.raises(CredentialEndedError):
        await words(held)
