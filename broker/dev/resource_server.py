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
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from broker import strict_json
from broker.client.endpoint import token_file
from broker.client.middleware import VERIFIED, bearer, require
from broker.client.open_verifier import open_verifier
from broker.client.verifier import Verifier
from broker.dev import parent as parent_process
from broker.errors import InvalidRequestError

MAX_ORDER_BYTES: Final = 4_096
MAX_ORDERS: Final = 1_000

PATIENCE_SECONDS: Final = 600.0
"""How long to wait for a broker: this server is often started before it."""


class Orders:
    """The resource: a list of orders, each with the agent and the task that placed it."""

    def __init__(self) -> None:
        self._orders: list[dict[str, str]] = []

    async def show(self, request: web.Request) -> web.Response:
        """Answer ``GET /orders``, and ``GET /orders/export`` with another scope."""
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
    app.router.add_get("/orders/export", require("orders:export")(orders.show))
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
    async with _verifier(options) as verifier, AsyncExitStack() as stack:
        runner = web.AppRunner(build(verifier), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _announce(options.state, *runner.addresses[0][:2])
        await asyncio.Event().wait()


def _verifier(options: argparse.Namespace) -> AbstractAsyncContextManager[Verifier]:
    return open_verifier(
        options.broker,
        audience=options.audience,
        issuer=options.issuer,
        token_source=token_file(options.token_file),
        check=options.check,
        max_age_ms=options.staleness_ms,
        open_within_seconds=PATIENCE_SECONDS,
    )


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
