"""Changes that a shutdown waits for."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from broker.http.mutations import Mutations


class Change:
    """A handler that waits to be let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.held = asyncio.Event()

    async def handle(self, _request: web.Request) -> web.StreamResponse:
        """Change something."""
        self.begun.set()
        await self.held.wait()
        return web.Response(text="done")


async def begin(mutations: Mutations, change: Change) -> asyncio.Task[web.StreamResponse]:
    """Call a tracked handler and wait until it is at it."""
    request = make_mocked_request("POST", "/")
    task = asyncio.ensure_future(mutations.track(change.handle)(request))
    await change.begun.wait()
    return task


async def test_with_nothing_under_way_all_is_settled() -> None:
    """Before the first change, and after the last."""
    change, mutations = Change(), Mutations()
    assert await mutations.settle(0.01) == 0
    change.held.set()

    assert (await (await begin(mutations, change))).status == 200

    assert await mutations.settle(0.01) == 0


async def test_what_does_not_end_in_time_is_counted() -> None:
    """Each of them."""
    mutations = Mutations()
    changes = [Change(), Change()]
    tasks = [await begin(mutations, change) for change in changes]

    assert await mutations.settle(0.01) == 2
    changes[0].held.set()
    await tasks[0]
    assert await mutations.settle(0.01) == 1
    changes[1].held.set()

    assert await mutations.settle(10) == 0


async def test_a_change_that_fails_or_is_cancelled_is_no_longer_under_way() -> None:
    """However it ends, it has ended; its error reaches the caller."""
    change, mutations = Change(), Mutations()

    async def fail(_request: web.Request) -> web.StreamResponse:
        raise LookupError("x")

    with pytest.raises(LookupError, match="x"):
        await mutations.track(fail)(make_mocked_request("POST", "/"))
    (await begin(mutations, change)).cancel()
    await asyncio.sleep(0)

    assert await mutations.settle(10) == 0
