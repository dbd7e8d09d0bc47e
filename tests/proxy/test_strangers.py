"""Whoever is on this machine can connect; the child alone is served, and nobody keeps it out."""

import asyncio
from pathlib import Path

import pytest

from broker.proxy import Limits
from tests.fakes.proxy_lab import HOST, Child, Lab, opened


async def _strangers(lab: Lab, count: int) -> list[Child]:
    return [await lab.child() for _ in range(count)]


async def test_strangers_do_not_keep_the_child_out(tmp_path: Path) -> None:
    """Of those that have not shown the run's word the oldest makes room."""
    async with opened(tmp_path, limits=Limits(connections=3)) as lab:
        first = await lab.inside()
        strangers = await _strangers(lab, 5)

        second = await lab.inside()

        assert (await first.say(lab.request())).status == 200
        assert (await second.say(lab.request())).status == 200
        assert await strangers[0].is_closed()


async def test_a_stranger_never_takes_the_childs_place(tmp_path: Path) -> None:
    """However many come."""
    async with opened(tmp_path, limits=Limits(connections=2)) as lab:
        children = [await lab.inside(), await lab.inside()]

        strangers = await _strangers(lab, 20)
        closed = await asyncio.gather(*(each.is_closed() for each in strangers))

        assert all(closed)
        assert [(await child.say(lab.request())).status for child in children] == [200, 200]


WORDS = ["", "Basic !!", "Basic cnVuOg==", "Bearer x", "Basic cnVuOnJ1bg=="]


@pytest.mark.parametrize("word", WORDS)
async def test_without_the_word_nothing_is_told_and_nothing_is_done(lab: Lab, word: str) -> None:
    """Not even whether a server is declared."""
    shown = f"Proxy-Authorization: {word}\r\n" if word else ""
    for at in (f"{HOST}:{lab.upstream.port}", "undeclared.test:443"):
        child = await lab.child()

        reply = await child.say(f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n{shown}\r\n".encode())

        assert (reply.status, reply.problem) == (407, "not-this-run")
    assert lab.upstream.connections == 0
