"""Used proofs in the ledger: one winner, nothing forgotten too early (A14, C6)."""

import asyncio

import pytest

from broker.proof.replays import KEPT_MS, ReplaysFullError
from broker.store.keyspace import Keyspace
from broker.store.link import Link
from broker.store.proof_ledger import ProofLedger

KEYS = Keyspace("jit", 4)


async def test_a_proof_is_first_once_at_every_broker(link: Link) -> None:
    """Two brokers over one ledger share what they remember."""
    one, other = ProofLedger(link, KEYS), ProofLedger(link, KEYS)

    assert await one.is_first("key", "proof")
    assert not await one.is_first("key", "proof")
    assert not await other.is_first("key", "proof")
    assert await other.is_first("another-key", "proof")
    assert await other.is_first("key", "another-proof")


async def test_of_many_at_once_one_is_first(link: Link) -> None:
    """One atomic script decides (A14)."""
    ledger = ProofLedger(link, KEYS)

    answers = await asyncio.gather(*(ledger.is_first("key", "proof") for _ in range(40)))

    assert answers.count(True) == 1


async def test_c6_a_flood_of_one_key_pushes_nothing_out(link: Link) -> None:
    """It is refused, others go on, and what was used stays used."""
    ledger = ProofLedger(link, KEYS, max_per_key=3)
    for number in range(3):
        assert await ledger.is_first("key", f"proof-{number}")

    for number in range(3, 10):
        with pytest.raises(ReplaysFullError):
            await ledger.is_first("key", f"proof-{number}")

    assert not await ledger.is_first("key", "proof-0")
    assert await ledger.is_first("other", "proof-0")


async def test_what_is_remembered_goes_by_itself(link: Link) -> None:
    """The key has an end, and not before a proof could be accepted again."""
    ledger = ProofLedger(link, KEYS)
    await ledger.is_first("key", "proof")

    left_ms = await link.read("PTTL", KEYS.proofs("key"))

    assert KEPT_MS - 60_000 < left_ms <= KEPT_MS
