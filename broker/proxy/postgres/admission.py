"""Who is let in: whoever shows, by SCRAM, that it knows this run's stand-in."""

import secrets
from dataclasses import dataclass
from typing import Final

from broker.proxy.postgres.messages import (
    AUTHENTICATION,
    LENGTH_BYTES,
    PASSWORD,
    Message,
    number,
    read_message,
    text,
    to_number,
)
from broker.proxy.postgres.scram import MECHANISM, ScramError, Server, Verifier
from broker.proxy.postgres.startup import Start
from broker.proxy.problem import RefusedError, malformed
from broker.proxy.wire import Wire

USER: Final = "run"
"""The user by which the child logs in; what counts is the password."""

_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 18
_MOST_BYTES: Final = 4_096
_SASL: Final = 10
_SASL_GOES_ON: Final = 11
_SASL_ENDS: Final = 12


@dataclass(frozen=True, slots=True)
class Gate:
    """What is compared with what the child shows."""

    verifier: Verifier
    database: str

    @classmethod
    def of(cls, stand_in: str, database: str) -> "Gate":
        """Make it, once for all sessions."""
        return cls(Verifier.of(stand_in, secrets.token_bytes(_SALT_BYTES)), database)

    async def admit(self, child: Wire, start: Start, seconds: float) -> None:
        """Let a child prove who it is; it is not told yet that it is in.

        Raises:
            RefusedError: it does not know the stand-in, or wants what no session has.
            GoneError: it has closed, or is too slow.
        """
        try:
            await self._prove(child, seconds)
        except ScramError:
            raise _stranger() from None
        self._judge(start)

    async def _prove(self, child: Wire, seconds: float) -> None:
        exchange = Server(self.verifier, secrets.token_urlsafe(_NONCE_BYTES))
        await child.send(_ask(_SASL, text(MECHANISM) + b"\0"), seconds)
        challenge = exchange.challenge(_initial(await _answer(child, seconds)))
        await child.send(_ask(_SASL_GOES_ON, challenge), seconds)
        signature = exchange.verify(await _answer(child, seconds))
        await child.send(_ask(_SASL_ENDS, signature), seconds)

    def _judge(self, start: Start) -> None:
        if start.setting("user") != USER:
            raise _stranger()
        if start.setting("database") != self.database:
            raise RefusedError(403, "not-declared", "this database is not declared for the task")
        if any(name.lower() == "replication" for name in start.settings):
            raise RefusedError(403, "replication", "replication does not pass")


async def _answer(child: Wire, seconds: float) -> bytes:
    message = await read_message(child, seconds, _MOST_BYTES)
    if message.kind != PASSWORD:
        raise malformed("something else than a password is shown")
    return message.body


def _initial(body: bytes) -> bytes:
    """Take SCRAM's first message out of the answer that names the mechanism."""
    name, end, rest = body.partition(b"\0")
    if name != MECHANISM.encode() or not end or to_number(rest) != len(rest) - LENGTH_BYTES:
        raise _stranger()
    return rest[LENGTH_BYTES:]


def _ask(code: int, data: bytes) -> bytes:
    return Message(AUTHENTICATION, number(code) + data).render()


def _stranger() -> RefusedError:
    return RefusedError(403, "not-this-run", "the user or the password is not this run's")
