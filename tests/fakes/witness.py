"""A resource server that writes down every token it is shown and what it did: the ground truth.

``python -m tests.fakes.witness`` takes the command line of :mod:`broker.dev.resource_server` and is
found in the same way. Its log is ``witness.jsonl`` in its state directory: one line for each
visit, with the wall clock's milliseconds, the token's id, and whether it was let in.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from aiohttp import web

from broker.client.errors import RefusalError
from broker.client.jose import split
from broker.client.middleware import VERIFIED, bearer
from broker.client.verifier import Verifier
from broker.clock import SystemClock
from broker.dev import parent as parent_process
from broker.dev import resource_server

LOG: Final = "witness.jsonl"

_CLOCK: Final = SystemClock()


def application(verifier: Verifier, *, log: TextIO) -> web.Application:
    """Build what is served: any good token opens the one route."""

    @web.middleware
    async def note(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        came_ms = _CLOCK.now_ms()
        answer = await handler(request)
        said = {"came_ms": came_ms, "left_ms": _CLOCK.now_ms(), "jti": _jti(request)}
        log.write(json.dumps(said | {"accepted": answer.status == web.HTTPOk.status_code}) + "\n")
        log.flush()
        return answer

    app = web.Application(middlewares=[note, bearer(verifier, realm="witness")])
    app.router.add_get("/orders", _show)
    return app


async def _show(request: web.Request) -> web.Response:
    return web.json_response({"agent": request[VERIFIED].agent})


def _jti(request: web.Request) -> str:
    token = request.headers.get("Authorization", "").partition(" ")[2]
    try:
        return str(split(token).claims.get("jti", ""))
    except RefusalError:
        return ""


def main() -> None:
    """Run it from the command line."""
    options = resource_server.parser().parse_args()
    parent_process.ask_for_signal()
    file: Path = options.state / LOG
    with file.open("a", encoding="ascii") as log:
        asyncio.run(resource_server.serve(options, partial(application, log=log)))


if __name__ == "__main__":
    main()
