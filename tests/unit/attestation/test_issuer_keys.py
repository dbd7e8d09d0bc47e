import asyncio
from functools import partial

import pytest

from broker.attestation.issuer_keys import IssuerKeys, KeyTiming
from broker.attestation.keyset import parse_key_set
from broker.attestation.reasons import Reason
from broker.errors import AttestationError, KeySetUnavailableError
from tests.fakes.attestation import Watcher
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import EC_256_OTHER, ScriptedSource, Signer, encode, public_jwk

TIMING = KeyTiming(refresh_ms=300_000, max_stale_ms=3_600_000, cooldown_ms=10_000)


class Bench:
    """A key cache with everything around it in the test's hand."""

    def __init__(self) -> None:
        self.signer = Signer()
        self.source = ScriptedSource(self.signer.jwks())
        self.clock = FakeClock()
        self.watcher = Watcher()
        self.keys = IssuerKeys(
            self.source,
            TIMING,
            issuer="example",
            read=partial(parse_key_set, algorithms=("ES256",)),
            clock=self.clock,
            observer=self.watcher,
        )

    async def settle(self) -> None:
        """Let whatever runs in the background run."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def refusal_of(self, kid: str) -> AttestationError:
        """Return the error with which a name is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.keys.key(kid)
        return caught.value


@pytest.fixture
def bench() -> Bench:
    """Make a bench."""
    return Bench()


async def test_the_first_use_fetches_and_later_ones_do_not(bench: Bench) -> None:
    """One look serves until it is due again."""
    for _ in range(5):
        assert (await bench.keys.key("k1")).key_id == "k1"
    assert bench.source.fetches == 1
    assert bench.keys.is_usable


async def test_b7_callers_at_once_share_one_flight(bench: Bench) -> None:
    """A burst at the start, known and unknown names alike, makes one look."""
    bench.source.gate.clear()
    calls = [asyncio.create_task(bench.keys.key("k1")) for _ in range(50)]
    await bench.settle()
    bench.source.gate.set()

    assert {key.key_id for key in await asyncio.gather(*calls)} == {"k1"}
    assert bench.source.fetches == 1


async def test_b7_a_cancelled_caller_does_not_take_the_flight_from_the_others(bench: Bench) -> None:
    """Who goes away leaves the look running."""
    bench.source.gate.clear()
    leaver, stayer = (asyncio.create_task(bench.keys.key("k1")) for _ in range(2))
    await bench.settle()
    leaver.cancel()
    await bench.settle()
    bench.source.gate.set()

    assert (await stayer).key_id == "k1"
    assert bench.source.fetches == 1
    with pytest.raises(asyncio.CancelledError):
        await leaver


@pytest.mark.parametrize(("pause_ms", "fetches"), [(9_999, 1), (10_000, 2), (10_001, 2)])
async def test_b7_unknown_names_cause_one_look_per_cool_down(
    bench: Bench, pause_ms: int, fetches: int
) -> None:
    """Two hundred random names within the cool-down cause none, after it one."""
    await bench.keys.key("k1")
    bench.clock.advance(pause_ms)

    for number in range(200):
        assert (await bench.refusal_of(f"random-{number}")).reason == Reason.UNKNOWN_KEY

    assert bench.source.fetches == fetches


async def test_b7_known_names_never_wait_for_a_look(bench: Bench) -> None:
    """While unknown names hang on a slow issuer, known ones are answered at once."""
    await bench.keys.key("k1")
    bench.clock.advance(10_000)
    bench.source.gate.clear()
    unknown = asyncio.create_task(bench.keys.key("other"))
    await bench.settle()
    assert bench.source.fetches == 2

    # Without a turn of the event loop: an await that waited would not finish within its first step.
    known = bench.keys.key("k1")
    with pytest.raises(StopIteration) as answered:
        known.send(None)
    assert answered.value.value.key_id == "k1"

    bench.source.gate.set()
    with pytest.raises(AttestationError):
        await unknown


async def test_b9_a_new_key_is_usable_after_the_cool_down(bench: Bench) -> None:
    """The first token that names it brings it in."""
    await bench.keys.key("k1")
    bench.signer.members.append(public_jwk(EC_256_OTHER, "k2", "ES256"))
    bench.source.document = bench.signer.jwks()
    bench.clock.advance(10_000)

    assert (await bench.keys.key("k2")).key_id == "k2"
    assert (await bench.keys.key("k1")).key_id == "k1"
    assert bench.watcher.changes == [("k1",), ("k1", "k2")]


async def test_b9_a_removed_key_is_refused_within_its_period(bench: Bench) -> None:
    """The look ahead of the period's end takes it away, without any caller waiting."""
    await bench.keys.key("k1")
    bench.source.document = encode({"keys": [public_jwk(EC_256_OTHER, "k2", "ES256")]})

    bench.clock.advance(224_999)
    bench.keys.refresh_if_due()
    await bench.settle()
    assert bench.source.fetches == 1

    bench.clock.advance(1)
    bench.keys.refresh_if_due()
    await bench.settle()
    assert bench.source.fetches == 2
    assert (await bench.refusal_of("k1")).reason == Reason.UNKNOWN_KEY


async def test_b9_use_alone_brings_a_due_look(bench: Bench) -> None:
    """A key in use is refreshed even when nothing ticks."""
    await bench.keys.key("k1")
    bench.clock.advance(225_000)
    await bench.keys.key("k1")
    await bench.settle()
    assert bench.source.fetches == 2


async def test_b9_rotation_under_use_refuses_nobody(bench: Bench) -> None:
    """With overlap of old and new key, thirty rotations bring no false refusal."""
    await bench.keys.key("k1")
    for number in range(2, 32):
        bench.signer.members = [
            *bench.signer.members[-1:],
            public_jwk(EC_256_OTHER, f"k{number}", "ES256"),
        ]
        bench.source.document = bench.signer.jwks()
        bench.clock.advance(10_000)
        assert await bench.keys.key(f"k{number}")
        assert await bench.keys.key(f"k{number - 1}")


async def test_b8_failed_looks_keep_the_last_good_set(bench: Bench) -> None:
    """Ten minutes without the issuer refuse nobody."""
    await bench.keys.key("k1")
    bench.source.is_down = True
    for _ in range(60):
        bench.clock.advance(10_000)
        bench.keys.refresh_if_due()
        await bench.settle()
        assert (await bench.keys.key("k1")).key_id == "k1"
    assert bench.watcher.failures
    assert bench.source.fetches > 2


@pytest.mark.parametrize(
    "document", [b"garbage", b'{"keys":[1]}', b'{"keys":[{"kty":"oct"}]}', b"{}"]
)
async def test_b8_garbage_never_replaces_a_good_set(bench: Bench, document: bytes) -> None:
    """Neither what is no set nor a set without a fit member wipes the cache."""
    await bench.keys.key("k1")
    bench.source.document = document
    bench.clock.advance(225_000)
    await bench.keys.refresh()

    assert (await bench.keys.key("k1")).key_id == "k1"
    assert bench.watcher.failures


async def test_an_empty_list_of_keys_revokes_all(bench: Bench) -> None:
    """That is the issuer's own word, not a failure."""
    await bench.keys.key("k1")
    bench.source.document = b'{"keys":[]}'
    bench.clock.advance(225_000)
    await bench.keys.refresh()

    assert (await bench.refusal_of("k1")).reason == Reason.UNKNOWN_KEY
    assert bench.watcher.failures == []


@pytest.mark.parametrize(
    ("age_ms", "is_usable"), [(3_599_999, True), (3_600_000, True), (3_600_001, False)]
)
async def test_b8_i5_a_set_too_stale_is_no_set(
    bench: Bench, age_ms: int, *, is_usable: bool
) -> None:
    """Beyond the bound everything is refused, with a reason of its own."""
    await bench.keys.key("k1")
    bench.source.is_down = True
    bench.clock.advance(age_ms)

    assert bench.keys.is_usable is is_usable
    if is_usable:
        assert await bench.keys.key("k1")
    else:
        error = await bench.refusal_of("k1")
        assert isinstance(error, KeySetUnavailableError)
        assert error.reason == Reason.KEYS_STALE


async def test_b8_a_stale_set_recovers_with_the_issuer(bench: Bench) -> None:
    """The first token after the outage brings the keys back."""
    await bench.keys.key("k1")
    bench.clock.advance(3_600_001)
    assert (await bench.keys.key("k1")).key_id == "k1"


async def test_a_machine_that_slept_has_a_stale_set(bench: Bench) -> None:
    """The monotonic clock stands still while a machine sleeps; the wall clock tells."""
    await bench.keys.key("k1")
    bench.clock.set_wall(bench.clock.now_ms() + 3_600_001)
    assert not bench.keys.is_usable


async def test_a_wall_clock_set_back_does_not_refresh_a_set(bench: Bench) -> None:
    """The monotonic clock goes on counting."""
    await bench.keys.key("k1")
    bench.clock.advance(3_600_001)
    bench.clock.set_wall(1)
    assert not bench.keys.is_usable


async def test_without_any_set_everything_is_refused(bench: Bench) -> None:
    """An issuer that was never reached verifies nothing (I5)."""
    bench.source.is_down = True
    error = await bench.refusal_of("k1")
    assert isinstance(error, KeySetUnavailableError)
    assert error.reason == Reason.KEYS_MISSING
    assert not bench.keys.is_usable


async def test_the_generation_counts_changes_not_looks(bench: Bench) -> None:
    """The same text again keeps it; another text moves it."""
    await bench.keys.key("k1")
    assert bench.keys.generation == 1
    bench.clock.advance(225_000)
    await bench.keys.refresh()
    assert bench.keys.generation == 1
    bench.source.document = b'{"keys":[]}'
    bench.clock.advance(225_000)
    await bench.keys.refresh()
    assert bench.keys.generation == 2


async def test_the_same_text_again_makes_the_set_fresh(bench: Bench) -> None:
    """Staleness is measured from the last look, changed or not."""
    await bench.keys.key("k1")
    bench.clock.advance(3_000_000)
    await bench.keys.refresh()
    bench.clock.advance(3_000_000)
    assert bench.keys.is_usable


async def test_closing_gives_up_a_hanging_look(bench: Bench) -> None:
    """Nothing is left running."""
    bench.source.gate.clear()
    bench.keys.refresh_if_due()
    await bench.settle()
    await bench.keys.close()
    assert len(asyncio.all_tasks()) == 1


async def test_skipped_members_are_reported(bench: Bench) -> None:
    """An operator learns which key was left out, and why."""
    bench.source.document = encode({"keys": [*bench.signer.members, {"kty": "oct", "kid": "s"}]})
    await bench.keys.key("k1")
    assert [(key.key_id, key.why) for key in bench.watcher.skipped] == [
        ("s", "private or symmetric")
    ]
