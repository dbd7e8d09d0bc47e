"""The feed's scripts on a server that is full, or has foreign keys in their place."""

import json

import pytest

from broker.errors import StoreUnavailableError
from broker.model.capability import CheckMode, ResourceServer
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import Appended, FeedLog
from broker.store.feed_subscribers import Acknowledged, Connection
from broker.store.link import Link
from tests.fakes.ledger import FAR_MS, FakeLedger, entry_of, lease_id
from tests.fakes.redis_servers import SingleServer

KEYS = FeedKeys("jit")
SERVER = ResourceServer("https://a", CheckMode.FEED, frozenset({"*"}))


@pytest.mark.parametrize("key", [KEYS.meta, KEYS.log, KEYS.live, KEYS.expiry, KEYS.seqs])
async def test_a_key_of_another_type_stops_an_append_before_it_writes(link: Link, key: str) -> None:
    """E5: nothing is half written; once the foreign key is gone the same append works."""
    log, ledger = FeedLog(link, "jit"), FakeLedger(link)
    event = {"feed": json.dumps({"jti": lease_id(1)}), "aud": "*", "exp": FAR_MS}
    await log.append(0, [entry_of(0, 1, **event)])
    await ledger.write(key, "RENAME", f"{key}:aside")
    await ledger.write(key, "SET", "foreign")

    with pytest.raises(StoreUnavailableError):
        await log.append(0, [entry_of(0, 2)])
    await ledger.write(key, "DEL")
    await ledger.write(f"{key}:aside", "RENAME", key)

    assert [entry.seq for entry in await log.after(0)] == [1]
    outcome = await log.append(0, [entry_of(0, 2)])
    assert isinstance(outcome, Appended)
    assert outcome.seqs == (2,)


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_revocations_are_shipped_when_memory_is_short(
    link: Link, single: SingleServer
) -> None:
    """Granting stops at the limit; what takes access away goes on, to the receipt."""
    log = FeedLog(link, "jit")
    connection = Connection("subscriber-1", "n")
    single.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        outcome = await log.append(0, [entry_of(0, 1)])
        joined = await log.subscribers.join(SERVER, connection, after=0, epoch="", most=9)
        pulse = await log.subscribers.pulse(SERVER.audience, [connection])
        acknowledged = await log.subscribers.acknowledge(SERVER.audience, "subscriber-1", 1)
        await log.tidy()
    finally:
        single.ask("CONFIG", "SET", "maxmemory", "0")

    assert isinstance(outcome, Appended)
    assert joined is not None
    assert pulse.seq == 1
    assert acknowledged is Acknowledged.OK
