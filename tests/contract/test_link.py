"""The promises of ``broker.store.link``, kept over every way to reach a Redis."""

import asyncio

from broker.store.link import HEADER, Link, Script

KEY = "{b07}:x"

ECHO = Script("echo", HEADER + "return {KEYS[1], ARGV[1], #KEYS, #ARGV}")
COUNT = Script("count", HEADER + "return redis.call('INCRBY', KEYS[1], ARGV[1])")
SHAPES = Script("shapes", HEADER + "return {1, 'a', false, {2, {'b'}}}")
FAIL = Script("fail", HEADER + "redis.call('INCR', KEYS[1]) return redis.error_reply('BAD luck')")


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


async def test_a_thousand_concurrent_calls_each_get_their_own_reply(link: Link) -> None:
    """However calls are batched, nobody receives another's reply."""
    replies = await asyncio.gather(
        *(link.run(ECHO, [KEY], [f"call-{number}"]) for number in range(1000))
    )

    assert [reply[1] for reply in replies] == [f"call-{number}" for number in range(1000)]
