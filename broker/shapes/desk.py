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
from dataclasses import dataclass
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
    """There is no run, or its desk has no such thing for this process, now or later."""

    code = ""
    """The desk's own word for why; empty where it was not asked, or has said none."""

    detail = ""
    """What it has said of it, whole."""


class NoRunError(DeskRefusedError):
    """The environment names no run, or one that is not on this machine."""


class DeskAwayError(Exception):
    """Nobody answers at the desk, or it has nothing now: the same may work later."""

    code = ""
    detail = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one desk is, on this machine, and the token that it wants to be shown."""

    place: str
    token: Secret

    def ask(
        self,
        path: str,
        what: str,
        body: bytes | None = None,
        within_seconds: float = WITHIN_SECONDS,
    ) -> bytes:
        """Return what the desk answers; with a body it is sent to it (``POST``).

        Args:
            path: what is asked for, fit for a line of HTTP.
            what: the same, in words.
            body: JSON.
            within_seconds: the answer is not waited for any longer, however slowly it comes.

        Raises:
            DeskRefusedError: it gives nothing of the kind.
            DeskAwayError: nobody answers, or nothing is given now.
        """
        try:
            status, answer = _exchange(self, path, body, within_seconds)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = type(error).__name__
            raise DeskAwayError(f"the desk of this run does not answer ({why})") from error
        if status != http.client.OK:
            raise _refusal(status, answer, what)
        return answer


def desk_of(environment: Mapping[str, str]) -> Desk:
    """Find the desk by the variables that a command of a run is given.

    Raises:
        NoRunError: there are none, or they name no desk on this machine.
    """
    url, token = environment.get(URL, ""), environment.get(TOKEN, "")
    if not url or not token:
        raise NoRunError(f"this is no run: {URL} or {TOKEN} is not set")
    if _HEADER.fullmatch(token) is None:
        raise NoRunError(f"{TOKEN} is no token")
    return Desk(_place(url), Secret(token))


def ask(name: str, within_seconds: float = WITHIN_SECONDS) -> Given:
    """Return the credential of one need of this run.

    Raises:
        DeskRefusedError: this is no run, or it gives nothing by this name.
        DeskAwayError: nobody answers at the desk, or nothing is given now.
    """
    desk = desk_of(os.environ)
    return _given(desk.ask(credential_path(name), repr(name), within_seconds=within_seconds))


def credential_path(name: str, folder: str = "/v1/credentials") -> str:
    """Return where the desk has the credential of a need.

    Raises:
        DeskRefusedError: no need can be called so.
    """
    if _NAME.fullmatch(name) is None:
        raise DeskRefusedError(f"{name[:40]!r} is no name of a need")
    return f"{folder}/{name}"


def _place(url: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(url)
        is_plain = parts.scheme == "http" and parts.path in {"", "/"}
        if is_plain and parts.port is not None and hosts.is_loopback(parts.netloc):
            return parts.netloc
    raise NoRunError(f"{URL} names no desk on this machine: http://127.0.0.1:PORT")


def _exchange(
    desk: Desk, path: str, body: bytes | None, within_seconds: float
) -> tuple[int, bytes]:
    """Ask once; nothing is waited for beyond the deadline, however slowly it comes."""
    connection = http.client.HTTPConnection(desk.place, timeout=within_seconds)
    headers = {"Authorization": f"Bearer {desk.token.reveal()}", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.connect()
        with _closed_after(connection.sock, within_seconds):
            connection.request("GET" if body is None else "POST", path, body, headers)
            with connection.getresponse() as answer:
                said = answer.read(_MOST_BYTES + 1)
        if len(said) > _MOST_BYTES or (answer.length or 0) > 0:
            raise TimeoutError  # it was too much, or broke off
        return answer.status, said
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


def _refusal(status: int, body: bytes, what: str) -> DeskRefusedError | DeskAwayError:
    try:
        said = loads_object(body, max_bytes=_MOST_BYTES)
    except InvalidRequestError:
        said = {}
    detail, code = (_text(said.get(member)) for member in ("detail", "code"))
    why = detail[:_LINE] or http.client.responses.get(status, "")
    kind = DeskAwayError if status in _PASSING else DeskRefusedError
    refusal = kind(f"the desk of this run gives no {what}: {status} {why}")
    refusal.code, refusal.detail = code, detail
    return refusal


def _text(said: object) -> str:
    return said if isinstance(said, str) else ""


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
