"""Asks the desk of the run that this process is a part of, which keeps the credentials fresh.

The desk is named by the environment of the run, and is on this machine: neither a proxy of the
environment nor a redirect carries the run's token elsewhere.
"""

import http.client
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from broker.errors import InvalidRequestError
from broker.secret import Secret
from broker.shapes import hosts, instants
from broker.shapes.given import Given
from broker.strict_json import loads_object

URL: Final = "BROKER_RUN_URL"
TOKEN: Final = "BROKER_RUN_TOKEN"  # noqa: S105 - the name of a variable

WITHIN_SECONDS: Final = 10.0
"""How long a tool is kept waiting; the desk answers from memory, or asks the broker once."""

_MOST_BYTES: Final = 262_144
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_HEADER: Final = re.compile(r"[\x21-\x7e]{1,4096}", re.ASCII)
_LINE: Final = 300
_PASSING: Final = frozenset({429, 500, 502, 503, 504})


class DeskRefusedError(Exception):
    """There is no run, or it has no such credential for this process, now or later."""


class DeskAwayError(Exception):
    """Nobody answers at the desk, or it has nothing now: the same may work later."""


def ask(name: str, within_seconds: float = WITHIN_SECONDS) -> Given:
    """Return the credential of one need of this run.

    Raises:
        DeskRefusedError: this is no run, or it gives nothing by this name.
        DeskAwayError: nobody answers at the desk, or nothing is given now.
    """
    url, token = _place()
    if _NAME.fullmatch(name) is None:
        raise DeskRefusedError(f"{name[:40]!r} is no name of a need")
    try:
        status, body = _get(url, f"/v1/credentials/{name}", token, within_seconds)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = type(error).__name__
        raise DeskAwayError(f"the desk of this run does not answer ({why})") from error
    if status != http.client.OK:
        raise _refusal(status, body, name)
    return _given(body)


def _place() -> tuple[str, Secret]:
    url, token = os.environ.get(URL, ""), os.environ.get(TOKEN, "")
    if not url or not token:
        raise DeskRefusedError(f"this is no run ({URL}, {TOKEN}): name --capability and --scope")
    parts = urlsplit(url)
    if parts.scheme != "http" or not hosts.is_loopback(parts.netloc) or parts.path not in {"", "/"}:
        raise DeskRefusedError(f"{URL} names no desk on this machine")
    if _HEADER.fullmatch(token) is None:
        raise DeskRefusedError(f"{TOKEN} is no token")
    return parts.netloc, Secret(token)


def _get(place: str, path: str, token: Secret, within_seconds: float) -> tuple[int, bytes]:
    """Ask once; nothing is waited for beyond the deadline, however slowly it comes."""
    connection = http.client.HTTPConnection(place, timeout=within_seconds)
    try:
        connection.connect()
        with _closed_after(connection.sock, within_seconds):
            headers = {"Authorization": f"Bearer {token.reveal()}", "Connection": "close"}
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as answer:
                body = answer.read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES or (answer.length or 0) > 0:
            raise TimeoutError  # it was too much, or broke off
        return answer.status, body
    finally:
        connection.close()


@contextmanager
def _closed_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Close a connection at a deadline: its own time-out is for each piece that comes."""

    def close() -> None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _refusal(status: int, body: bytes, name: str) -> DeskRefusedError | DeskAwayError:
    try:
        detail = loads_object(body, max_bytes=_MOST_BYTES).get("detail")
    except InvalidRequestError:
        detail = None
    why = detail[:_LINE] if isinstance(detail, str) else http.client.responses.get(status, "")
    is_passing = status in _PASSING
    kind = DeskAwayError if is_passing else DeskRefusedError
    return kind(f"the desk of this run gives no {name!r}: {status} {why}")


def _given(body: bytes) -> Given:
    try:
        return _read(loads_object(body, max_bytes=_MOST_BYTES))
    except (InvalidRequestError, ValueError):
        pass  # what it said is not shown, not even as a cause: it may hold the secret
    raise DeskAwayError("what answers at the desk of this run does not speak as one")


def _read(said: Mapping[str, object]) -> Given:
    words, kind, end = (said.get(name) for name in ("values", "kind", "expires_at"))
    if not isinstance(words, dict) or not isinstance(kind, str) or not isinstance(end, str):
        raise ValueError("a member is missing")  # noqa: TRY004 - all that is wrong is one thing
    found = {name: Secret(word) for name, word in words.items() if isinstance(word, str)}
    if len(found) != len(words):
        raise ValueError("a word is no text")
    return Given(kind, found, instants.read(end))
