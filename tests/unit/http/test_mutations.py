"""Changes that outlive whoever asked for them."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from broker.http.mutations import Handler, Mutations


class Change:
    """A handler that waits to be let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.held = asyncio.Event()
        self.is_done = False

    async def handle(self, _request: web.Request) -> web.StreamResponse:
        """Change something."""
        self.begun.set()
        await self.held.wait()
        self.is_done = True
        return web.Response(text="done")


async def begin(handler: Handler, change: Change) -> asyncio.Task[web.StreamResponse]:
    """Call a handler and wait until it is at it."""
    request = make_mocked_request("POST", "/")
    task = asyncio.ensure_future(handler(request))
    await change.begun.wait()
    return task


async def test_a_change_answers_like_its_handler() -> None:
    """When nothing happens, nothing is different."""
    change, mutations = Change(), Mutations()
    change.held.set()

    task = await begin(mutations.protect(change.handle), change)

    assert (await task).status == 200
    assert await mutations.settle(0) == 0


async def test_cancelling_the_caller_does_not_cancel_the_change() -> None:
    """It goes on, and is waited for."""
    change, mutations = Change(), Mutations()
    task = await begin(mutations.protect(change.handle), change)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await mutations.settle(0) == 1
    change.held.set()

    assert await mutations.settle(10) == 0
    assert change.is_done


async def test_an_error_reaches_the_caller() -> None:
    """As it was raised."""

    async def fail(_request: web.Request) -> web.StreamResponse:
        raise LookupError("x")

    with pytest.raises(LookupError, match="x"):
        await Mutations().protect(fail)(make_mocked_request("POST", "/"))
