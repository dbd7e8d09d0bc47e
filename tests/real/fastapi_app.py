"""A FastAPI application behind the guard, as a resource owner would write it; run by uvicorn."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request, WebSocket

from broker.client import (
    BearerGuard,
    VerifiedToken,
    current_token,
    granted,
    in_path,
    open_verifier,
    requires,
    token_file,
)
from tests.fakes import token_mint as mint

app = FastAPI()
app.add_middleware(
    BearerGuard,
    verifier=open_verifier(
        os.environ["BROKER"],
        audience=mint.AUDIENCE,
        issuer=mint.ISSUER,
        token_source=token_file(Path(os.environ["TOKEN_FILE"])),
        max_age_ms=int(os.environ["MAX_AGE_MS"]),
    ),
    realm="orders",
    public_paths=["/healthz"],
)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Need nothing."""
    return {"status": "ok"}


@app.get("/orders")
@requires(scope="orders:read")
async def read_orders(page: int = 1) -> dict[str, object]:
    """Need a scope; parameters are FastAPI's as ever."""
    return {"page": page, "agent": current_token().agent}


@app.get("/admin")
@requires(scope="orders:admin")
def administrate() -> None:
    """Need a scope that nobody has; runs in a thread."""


@app.get("/tasks/{task}")
@requires(task=in_path("task"))
def read_task(task: str) -> dict[str, str]:
    """Need a token of the task in the path."""
    return {"task": task, "agent": current_token().agent}


@app.get("/starlette/{task}")  # noqa: FAST003  it is read from the request
@requires(task=in_path("task"))
async def read_by_request(request: Request) -> dict[str, str]:
    """The same, from the request."""
    return {"task": request.path_params["task"]}


@app.get("/whoami")
async def whoami(
    token: Annotated[VerifiedToken, Depends(granted(scope="orders:read"))],
) -> dict[str, str]:
    """Have the token as a dependency."""
    return {"agent": token.agent}


@app.get("/whoami-admin")
async def whoami_admin(
    token: Annotated[VerifiedToken, Depends(granted(scope="orders:admin"))],
) -> dict[str, str]:
    """Have it under a condition that nobody meets."""
    return {"agent": token.agent}


@app.exception_handler(Exception)
async def careless(_: Request, __: Exception) -> None:
    """Turn every error into something else, badly."""


@app.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Talk until the client or the guard ends it."""
    await socket.accept()
    while True:
        await socket.send_text(current_token().agent)
        await asyncio.sleep(0.01)
