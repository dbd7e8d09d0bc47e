"""Nonces of proofs: which are good, and for how long (RFC 9449 §8)."""

import re

import pytest

from broker.proof.dpop import NonceError, ProofChecker, ProofError, Target
from broker.proof.dpop_key import DpopKey
from broker.proof.nonce_book import MAX_ORIGINS, NonceBook
from broker.proof.nonces import NONCE_HEADER, DpopNonces
from broker.proof.replays import MemoryReplays
from tests.fakes.clock import FakeClock

URL = "https://orders.example/orders"
WINDOW_MS = 300_000
KEY, NEXT, FOREIGN = (letter * 32 for letter in (b"k", b"n", b"f"))


@pytest.fixture
def clock() -> FakeClock:
    """Begin at the beginning of a window."""
    clock = FakeClock()
    clock.set_wall(clock.now_ms() // WINDOW_MS * WINDOW_MS)
    return clock


def test_a_nonce_is_opaque_and_changes_with_each_window(clock: FakeClock) -> None:
    """Long enough not to be guessed, of the characters that §8.1 allows."""
    nonces = DpopNonces.of_key(clock, KEY)

    first = nonces.newest()
    clock.advance(WINDOW_MS - 1)
    assert nonces.newest() == first
    clock.advance(1)
    assert nonces.newest() != first
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", first)


def test_a_nonce_is_good_for_its_window_and_the_next(clock: FakeClock) -> None:
    """Not a millisecond longer; and not before a clock that is one window behind."""
    nonces = DpopNonces.of_key(clock, KEY)
    nonce = nonces.newest()

    clock.advance(2 * WINDOW_MS - 1)
    assert nonces.is_good(nonce)
    clock.advance(1)
    assert not nonces.is_good(nonce)
    clock.set_wall(clock.now_ms() - 3 * WINDOW_MS)
    assert nonces.is_good(nonce)
    clock.set_wall(clock.now_ms() - 1)
    assert not nonces.is_good(nonce)


def test_whoever_has_the_key_knows_the_nonces_of_all_others(clock: FakeClock) -> None:
    """Another process's are good; another key's, and made-up ones, are not."""
    here, there = DpopNonces.of_key(clock, KEY), DpopNonces.of_key(clock, KEY)

    assert here.is_good(there.newest())
    assert not here.is_good(DpopNonces.of_key(clock, FOREIGN).newest())
    for text in ("", "x", here.newest()[:-1], here.newest() + "A", "\ud800", "é" * 22):
        assert not here.is_good(text)


def test_a_key_that_steps_down_still_checks(clock: FakeClock) -> None:
    """Replicas follow a rotation one after another."""
    before, after = DpopNonces(clock, lambda: (KEY, NEXT)), DpopNonces(clock, lambda: (NEXT, KEY))

    assert before.newest() != after.newest()
    assert after.is_good(before.newest())
    assert before.is_good(after.newest())


def test_a_process_alone_has_a_key_of_its_own_and_no_short_one_is_taken(clock: FakeClock) -> None:
    """Two processes without a shared key do not know each other's."""
    assert not DpopNonces.of_key(clock).is_good(DpopNonces.of_key(clock).newest())
    with pytest.raises(ValueError, match="at least 32"):
        DpopNonces.of_key(clock, b"short")


async def test_a_proof_needs_a_nonce_where_there_are_nonces(clock: FakeClock) -> None:
    """The refusal brings it, the proof is not used up, and one with it is accepted."""
    nonces, key = DpopNonces.of_key(clock, KEY), DpopKey.generate(clock)
    checker, target = ProofChecker(clock, MemoryReplays(clock), nonces), Target("GET", URL)
    bare = key.proof("GET", URL, token="t")

    with pytest.raises(NonceError) as refused:
        await checker.check(bare, target, token="t")
    assert refused.value.nonce == nonces.newest()
    assert key.heed(URL, {NONCE_HEADER: refused.value.nonce})
    await checker.check(key.proof("GET", URL, token="t"), target, token="t")
    await ProofChecker(clock, MemoryReplays(clock)).check(bare, target, token="t")


@pytest.mark.parametrize("which", ["expired", "foreign", "made up"])
async def test_a_proof_with_another_nonce_gets_the_right_one(clock: FakeClock, which: str) -> None:
    """Whatever is wrong with the one that it has."""
    nonces, key = DpopNonces.of_key(clock, KEY), DpopKey.generate(clock)
    wrong = {
        "expired": nonces.newest(),
        "foreign": DpopNonces.of_key(clock, FOREIGN).newest(),
        "made up": "A" * 22,
    }[which]
    if which == "expired":
        clock.advance(2 * WINDOW_MS)
    key.heed(URL, {NONCE_HEADER: wrong})

    with pytest.raises(NonceError) as refused:
        await ProofChecker(clock, MemoryReplays(clock), nonces).check(
            key.proof("GET", URL, token="t"), Target("GET", URL), token="t"
        )
    assert nonces.is_good(refused.value.nonce)


async def test_a_nonce_mends_nothing_else(clock: FakeClock) -> None:
    """A proof for another request, or that was used before, is refused as ever."""
    nonces, key = DpopNonces.of_key(clock, KEY), DpopKey.generate(clock)
    checker = ProofChecker(clock, MemoryReplays(clock), nonces)
    key.heed(URL, {NONCE_HEADER: nonces.newest()})
    proof = key.proof("GET", URL, token="t")
    await checker.check(proof, Target("GET", URL), token="t")

    for text, method in ((proof, "GET"), (key.proof("GET", URL, token="t"), "POST")):
        with pytest.raises(ProofError) as refused:
            await checker.check(text, Target(method, URL), token="t")
        assert not isinstance(refused.value, NonceError)


def test_the_newest_nonce_of_an_origin_is_remembered_for_it_alone() -> None:
    """Origins are told apart by scheme, host and port; paths are one."""
    book = NonceBook()

    assert book.note("https://a.example/x", {"dpop-nonce": "one"})
    assert not book.note("https://A.example/y?z", {NONCE_HEADER: "one"})
    assert book.note("https://a.example/", {NONCE_HEADER: "two"})
    assert book.newest("https://a.example/z") == "two"
    for other in ("http://a.example/", "https://a.example:8443/", "https://b.example/"):
        assert book.newest(other) == ""


@pytest.mark.parametrize("nonce", ["", 'a"b', "a b", "a\nb", "a\\b", "é", "x" * 513])
def test_a_nonce_that_is_none_is_not_taken(nonce: str) -> None:
    """It would end in the next proof."""
    book = NonceBook()

    assert not book.note(URL, {NONCE_HEADER: nonce})
    assert not book.note(URL, {})
    assert not book.note(URL, {"DPoP-Nonce": "one", "dpop-nonce": "two"})
    assert book.newest(URL) == ""


def test_the_book_is_bounded() -> None:
    """The origin longest unheard of is forgotten."""
    book = NonceBook()
    for number in range(MAX_ORIGINS + 1):
        book.note(f"https://{number}.example/", {NONCE_HEADER: "n"})

    assert book.newest("https://0.example/") == ""
    assert book.newest("https://1.example/") == "n"
