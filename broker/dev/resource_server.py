"""A small resource server that accepts the broker's tokens.

``python -m broker.dev.resource_server`` shows what a resource owner has to write, and it is what
demos and tests point agents at. It listens on a free port of this machine, writes ``resource.json``
(``{"url", "pid"}``) into its state directory once it can judge tokens, and ends with the process
that started it.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from broker import strict_json
from broker.client.endpoint import Endpoint, open_session, token_file
from broker.client.introspection import Introspection
from broker.client.jwks import JwksKeys
from broker.client.liveness import Liveness, OfflineLiveness
from broker.client.middleware import VERIFIED, bearer, require
from broker.client.subscription import Subscription
from broker.client.transport import Transport
from broker.client.verifier import Verifier
from broker.client.view import View
from broker.clock import SystemClock
from broker.dev import parent as parent_process
from broker.errors import InvalidRequestError

MAX_ORDER_BYTES: Final = 4_096
MAX_ORDERS: Final = 1_000

_CLOCK: Final = SystemClock()


class Orders:
    """The resource: a list of orders, each with the agent and the task that placed it."""

    def __init__(self) -> None:
        self._orders: list[dict[str, str]] = []

    async def show(self, request: web.Request) -> web.Response:
        """Answer ``GET /orders``."""
        return web.json_response({"orders": self._orders, "agent": request[VERIFIED].agent})

    async def place(self, request: web.Request) -> web.Response:
        """Answer ``POST /orders {"item": …}``."""
        try:
            body = strict_json.loads(await request.read(), max_bytes=MAX_ORDER_BYTES)
        except InvalidRequestError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        item = body.get("item") if isinstance(body, dict) else None
        if not isinstance(item, str) or len(self._orders) >= MAX_ORDERS:
            raise web.HTTPBadRequest(text='send {"item": "…"}; the list holds 1000')
        token = request[VERIFIED]
        order = {"item": item, "agent": token.agent, "task": token.task}
        self._orders.append(order)
        return web.json_response(order, status=201)


def application(verifier: Verifier) -> web.Application:
    """Build the guarded application."""
    orders = Orders()
    app = web.Application(
        middlewares=[bearer(verifier, realm="orders")], client_max_size=MAX_ORDER_BYTES
    )
    app.router.add_get("/orders", require("orders:read")(orders.show))
    app.router.add_post("/orders", require("orders:write")(orders.place))
    return app


Build = Callable[[Verifier], web.Application]
"""Makes what is served, given what judges the tokens."""


async def serve(options: argparse.Namespace, build: Build = application) -> None:
    """Run until told to stop, or until the parent is gone; both also end the start."""
    running = asyncio.create_task(_run(options, build))
    over = asyncio.create_task(parent_process.until_gone(options.parent))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.cancel)
    await asyncio.wait([running, over], return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    if not running.done():
        running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def _run(options: argparse.Namespace, build: Build) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        verifier = await _verifier(options, session, stack)
        runner = web.AppRunner(build(verifier), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _announce(options.state, *runner.addresses[0][:2])
        await asyncio.Event().wait()


async def _verifier(
    options: argparse.Namespace, session: aiohttp.ClientSession, stack: AsyncExitStack
) -> Verifier:
    endpoint = Endpoint(options.broker, token_file(options.token_file), session)
    key_url = str(endpoint.url(".well-known", "jwks.json"))
    keys = await stack.enter_async_context(JwksKeys(key_url, session, _CLOCK))
    liveness = await _liveness(options, endpoint, stack)
    await keys.wait_current()
    return Verifier(options.issuer, options.audience, keys=keys, liveness=liveness, clock=_CLOCK)


async def _liveness(
    options: argparse.Namespace, endpoint: Endpoint, stack: AsyncExitStack
) -> Liveness:
    match options.check:
        case "introspect":
            return Introspection(Transport(endpoint), _CLOCK)
        case "offline":
            return OfflineLiveness()
        case _:
            return await _followed_view(options.staleness_ms, endpoint, stack)


async def _followed_view(staleness_ms: int, endpoint: Endpoint, stack: AsyncExitStack) -> View:
    view = View(_CLOCK, max_age_ms=staleness_ms)
    name = f"resource-{secrets.token_hex(8)}"
    subscription = Subscription(endpoint, view, subscriber=name)
    await stack.enter_async_context(subscription)
    await subscription.wait_current()
    return view


def _announce(state: Path, host: str, port: int) -> None:
    text = json.dumps({"url": f"http://{host}:{port}", "pid": os.getpid()})
    draft = state / "resource.json.new"
    draft.write_text(text, encoding="ascii")
    draft.replace(state / "resource.json")  # a reader sees the whole file or none


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    described = argparse.ArgumentParser(prog="python -m broker.dev.resource_server")
    described.add_argument("--broker", required=True, help="base URL of the broker")
    described.add_argument("--issuer", required=True, help="the broker's iss, byte for byte")
    described.add_argument("--audience", required=True, help="this server, as registered")
    described.add_argument("--token-file", required=True, type=Path, help="its workload token")
    described.add_argument("--state", required=True, type=Path, help="where resource.json goes")
    described.add_argument("--check", choices=("feed", "introspect", "offline"), default="feed")
    described.add_argument(
        "--staleness-ms", type=int, default=5_000, help="bound of the feed's age"
    )
    described.add_argument("--parent", type=int, default=os.getppid(), help="who started it")
    return described


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the server from the command line."""
    options = parser().parse_args(arguments)
    parent_process.ask_for_signal()
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
