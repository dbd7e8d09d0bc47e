"""The promises of ``broker.store.link``, kept over every way to reach a Redis."""

import asyncio

import pytest

from broker.errors import StoreUnavailableError
from broker.store.link import HEADER, Link, Script
from tests.fakes.redis_servers import Cluster, SingleServer

KEY = "{b07}:x"
STREAM = "{b07}:out"

REAL = ("mux", "client", "cluster")

ECHO = Script("echo", HEADER + "return {KEYS[1], ARGV[1], #KEYS, #ARGV}")
COUNT = Script("count", HEADER + "return redis.call('INCRBY', KEYS[1], ARGV[1])")
SHAPES = Script("shapes", HEADER + "return {1, 'a', false, {2, {'b'}}}")
APPEND = Script(
    "append", HEADER + "return redis.call('XADD', KEYS[1], ARGV[1], 'type', ARGV[2], 'op', 'x')"
)
FAIL = Script("fail", HEADER + "redis.call('INCR', KEYS[1]) return redis.error_reply('BAD luck')")
ODD = Script("odd", HEADER + "return '\\255\\128a'")
TOUCH_TWO = Script(
    "touch_two", HEADER + "redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 1)"
)


async def test_run_hands_over_keys_and_arguments(link: Link) -> None:
    """A script sees its keys and its arguments, integers as decimal text."""
    reply = await link.run(ECHO, [KEY, "{b07}:y"], ["grüße", 7])

    assert reply == [KEY, "grüße", 2, 2]


async def test_replies_are_what_resp2_brings(link: Link) -> None:
    """Strings, integers, nothing and lists come through as they are."""
    assert await link.run(SHAPES, [KEY]) == [1, "a", None, [2, ["b"]]]


async def test_a_script_runs_once_per_call(link: Link) -> None:
    """Neither the first call, which loads the script, nor later ones run it twice."""
    replies = [await link.run(COUNT, [KEY], [1]) for _ in range(3)]

    assert replies == [1, 2, 3]


async def test_first_calls_that_race_run_the_script_once_each(link: Link) -> None:
    """Many callers that all find the script missing load it without running it twice."""
    replies = await asyncio.gather(*(link.run(COUNT, [KEY], [1]) for _ in range(50)))

    assert sorted(replies) == list(range(1, 51))


async def test_a_thousand_concurrent_calls_each_get_their_own_reply(link: Link) -> None:
    """However calls are batched, nobody receives another's reply."""
    replies = await asyncio.gather(
        *(link.run(ECHO, [KEY], [f"call-{number}"]) for number in range(1000))
    )

    assert [reply[1] for reply in replies] == [f"call-{number}" for number in range(1000)]


async def test_cancelled_callers_do_not_shift_replies(link: Link) -> None:
    """Two of three callers vanish while their calls are under way; the third gets its own reply."""
    calls = [asyncio.create_task(link.run(ECHO, [KEY], [f"call-{n}"])) for n in range(300)]
    for number in range(300):
        if number % 3:
            if number % 2:
                await asyncio.sleep(0)
            calls[number].cancel()

    replies = await asyncio.gather(*calls, return_exceptions=True)

    kept = {n: reply for n, reply in enumerate(replies) if isinstance(reply, list)}
    assert {n: reply[1] for n, reply in kept.items()} == {n: f"call-{n}" for n in kept}
    assert all(n in kept for n in range(0, 300, 3))
    assert await link.run(ECHO, [KEY], ["after"]) == [KEY, "after", 1, 1]


async def test_an_error_reply_is_unavailable(link: Link) -> None:
    """A script that fails halfway may have written: the caller must take the outcome as unknown."""
    with pytest.raises(StoreUnavailableError, match="luck"):
        await link.run(FAIL, [KEY])

    assert await link.read("GET", KEY) == "1"


async def test_a_wrong_type_is_unavailable_and_harms_no_other_call(link: Link) -> None:
    """An error inside a script is its caller's only."""
    await link.run(APPEND, [STREAM], ["1-0", "a"])

    wrong, right = await asyncio.gather(
        link.run(COUNT, [STREAM], [1]), link.run(COUNT, [KEY], [1]), return_exceptions=True
    )

    assert isinstance(wrong, StoreUnavailableError)
    assert right == 1


async def test_text_that_is_not_unicode_is_refused_before_it_is_sent(link: Link) -> None:
    """A lone surrogate cannot be written; the calls around it are not disturbed."""
    before = asyncio.create_task(link.run(ECHO, [KEY], ["before"]))
    with pytest.raises(UnicodeEncodeError):
        await link.run(ECHO, [KEY], ["\ud800"])

    assert (await before)[1] == "before"
    assert (await link.run(ECHO, [KEY], ["after"]))[1] == "after"


async def test_a_reply_that_is_not_unicode_harms_no_other_call(link: Link) -> None:
    """Whatever bytes somebody put into a key, the replies after it are right."""
    odd, after = await asyncio.gather(link.run(ODD, [KEY]), link.run(ECHO, [KEY], ["after"]))

    assert odd.encode("utf-8", "surrogateescape") == b"\xff\x80a"
    assert after[1] == "after"


async def test_read_answers_from_its_key(link: Link) -> None:
    """A plain command goes where its key lives."""
    await link.run(COUNT, [KEY], [41])

    assert await link.read("GET", KEY) == "41"
    assert await link.read("GET", "{b08}:absent") is None


async def test_read_without_a_key_asks_any_server(link: Link) -> None:
    """TIME has no key; somebody answers."""
    seconds, microseconds = await link.read("TIME")

    assert int(seconds) > 0
    assert 0 <= int(microseconds) < 1_000_000


async def test_each_server_asks_every_primary(link: Link) -> None:
    """One reply from each, in the plain form."""
    replies = await link.each_server("TIME")

    assert len(replies) in (1, 3)
    assert all(int(seconds) > 0 for seconds, _ in replies)


async def test_tail_returns_what_is_beyond(link: Link) -> None:
    """Entries come oldest first, as name and fields, at most as many as asked."""
    for number in (1, 2, 3, 4):
        await link.run(APPEND, [STREAM], [f"{number}-0", f"t{number}"])

    entries = await link.tail(STREAM, "1-0", block_ms=1000, count=2)

    assert entries == [("2-0", {"type": "t2", "op": "x"}), ("3-0", {"type": "t3", "op": "x"})]


@pytest.mark.parametrize("block_ms", [0, 20])
async def test_tail_of_a_stream_without_news_is_empty(link: Link, block_ms: int) -> None:
    """Nothing new within the time given is no error, and no time is no wait."""
    assert await link.tail(STREAM, "0-0", block_ms=block_ms, count=10) == []


@pytest.mark.parametrize("link", REAL, indirect=True)
async def test_tail_wakes_for_news_and_holds_up_nobody(link: Link) -> None:
    """While several wait for news, other calls go through, and the news arrives."""
    tails = [
        asyncio.create_task(link.tail(STREAM, "0-0", block_ms=30_000, count=10)) for _ in range(3)
    ]
    for number in range(20):
        await link.run(ECHO, [KEY], [number])
    await link.run(APPEND, [STREAM], ["7-0", "news"])

    assert await asyncio.gather(*tails) == [[("7-0", {"type": "news", "op": "x"})]] * 3


@pytest.mark.parametrize("link", REAL, indirect=True)
async def test_tail_may_wait_longer_than_a_call(link: Link) -> None:
    """The deadline of calls is not that of a wait."""
    assert await link.tail(STREAM, "0-0", block_ms=2300, count=1) == []


@pytest.mark.parametrize("link", ["mux", "client"], indirect=True)
async def test_scripts_come_back_after_a_flush(link: Link, single: SingleServer) -> None:
    """A server that forgot its scripts is taught them again, and runs each call once."""
    await link.run(COUNT, [KEY], [1])
    single.ask("SCRIPT", "FLUSH")

    replies = await asyncio.gather(*(link.run(COUNT, [KEY], [1]) for _ in range(3)))

    assert sorted(replies) == [2, 3, 4]


@pytest.mark.parametrize("link", ["cluster"], indirect=True)
async def test_scripts_come_back_to_a_cluster(link: Link, cluster: Cluster) -> None:
    """The same at each shard."""
    keys = [f"{{b{number:02x}}}:x" for number in range(16)]
    await asyncio.gather(*(link.run(COUNT, [key], [1]) for key in keys))
    for port in cluster.ports:
        cluster.ask(port, "SCRIPT", "FLUSH")

    assert await asyncio.gather(*(link.run(COUNT, [key], [1]) for key in keys)) == [2] * 16


@pytest.mark.parametrize("link", ["cluster"], indirect=True)
async def test_a_call_across_slots_is_refused(link: Link) -> None:
    """Keys of two hash tags are no call of ours; nothing is written."""
    with pytest.raises(StoreUnavailableError):
        await link.run(TOUCH_TWO, ["{b07}:x", "{b08}:x"])

    assert await link.read("GET", "{b07}:x") is None
    assert await link.read("GET", "{b08}:x") is None


async def test_a_closed_link_refuses(link: Link) -> None:
    """After close, every kind of call is unavailable, and closing again is harmless."""
    await link.close()

    for call in (
        link.run(ECHO, [KEY], [1]),
        link.read("GET", KEY),
        link.each_server("TIME"),
        link.tail(STREAM, "0-0", block_ms=10, count=1),
    ):
        with pytest.raises(StoreUnavailableError):
            await call
    await link.close()


@pytest.mark.parametrize("link", REAL, indirect=True)
async def test_close_fails_calls_under_way(link: Link) -> None:
    """Whoever waits when the link closes is told so, and soon."""
    await link.run(ECHO, [KEY], [1])
    waiting = asyncio.create_task(link.tail(STREAM, "0-0", block_ms=50_000, count=1))
    await asyncio.sleep(0.05)

    await link.close()

    with pytest.raises(StoreUnavailableError):
        await waiting
