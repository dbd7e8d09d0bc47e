"""How a connection of the child begins: what it asks for before it has shown who it is.

One packet without a type: a wish for encryption (refused: this is loopback), an order to cancel a
statement of another connection, or the start of a session with its settings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.proxy.postgres.messages import LENGTH_BYTES, Message, number, text, texts, to_number
from broker.proxy.problem import malformed
from broker.proxy.wire import Wire

MOST_BYTES: Final = 10_000
"""PostgreSQL's own bound."""

_SSL: Final = 80877103
_GSS: Final = 80877104
_CANCEL: Final = 80877102
_MAJOR: Final = 3
_CANCEL_BYTES: Final = 8
_NO: Final = b"N"
_EXTENSION: Final = "_pq_."
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.$]{0,127}", re.ASCII)
_SESSION: Final = number(_MAJOR << 16)
SSL_REQUEST: Final = number(LENGTH_BYTES * 2) + number(_SSL)


@dataclass(frozen=True, slots=True)
class Cancel:
    """An order to cancel what another connection does."""

    process: int
    key: bytes

    def render(self) -> bytes:
        """Write it as a packet."""
        return number(16) + number(_CANCEL) + number(self.process) + self.key


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a session."""

    minor: int
    settings: Mapping[str, str]
    """All that the client sets, user and database among them, a character for each byte."""

    def setting(self, name: str) -> str:
        """Return a setting; empty where there is none."""
        return self.settings.get(name, "")

    def answer(self) -> bytes:
        """Tell the client what of its wishes is not understood here; often nothing."""
        unknown = [name for name in self.settings if name.startswith(_EXTENSION)]
        if not self.minor and not unknown:
            return b""
        body = number(_MAJOR << 16) + number(len(unknown)) + b"".join(map(text, unknown))
        return Message(b"v", body).render()

    def render(self, user: str, database: str) -> bytes:
        """Write it for the server, with its own user and the declared database."""
        own = {"user": user, "database": database}
        kept = {n: v for n, v in self.settings.items() if not n.startswith(_EXTENSION)} | own
        pairs = (word.encode("latin-1") + b"\0" for pair in kept.items() for word in pair)
        body = _SESSION + b"".join(pairs) + b"\0"
        return number(len(body) + LENGTH_BYTES) + body


async def read_start(wire: Wire, seconds: float) -> Start | Cancel:
    """Read what a connection begins with; wishes for encryption are refused on the way.

    Raises:
        RefusedError: it cannot be read, or in more than one way.
        GoneError: the child has closed, or is too slow.
    """
    wishes = {_SSL, _GSS}
    while True:
        length = to_number(await wire.exactly(LENGTH_BYTES, seconds)) - LENGTH_BYTES
        if not LENGTH_BYTES <= length <= MOST_BYTES:
            raise malformed("this is no start of PostgreSQL's: its length cannot be meant")
        packet = await wire.exactly(length, seconds)
        code, body = to_number(packet), packet[LENGTH_BYTES:]
        if code not in wishes:
            return _begun(code, body)
        if body:
            raise malformed("a wish for encryption says too much")
        wishes.remove(code)
        await wire.send(_NO, seconds)


def _begun(code: int, body: bytes) -> Start | Cancel:
    if code == _CANCEL:
        if len(body) != _CANCEL_BYTES:
            raise malformed("an order to cancel has another length")
        return Cancel(to_number(body), body[LENGTH_BYTES:])
    if code >> 16 != _MAJOR:
        raise malformed("only protocol 3 of PostgreSQL is spoken here")
    return Start(code & 0xFFFF, _settings(body))


def _settings(body: bytes) -> dict[str, str]:
    words = [word.decode("latin-1") for word in texts(body)]
    names, values = words[::2], words[1::2]
    if len(names) != len(values) or len(set(map(str.lower, names))) != len(names):
        raise malformed("a setting has no value, or is there twice")
    if not all(map(_NAME.fullmatch, names)):
        raise malformed("a setting has no plain name")
    return dict(zip(names, values, strict=True))
