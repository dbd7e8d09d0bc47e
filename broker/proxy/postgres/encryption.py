"""Whether a session goes over TLS, and what then is checked of the server."""

import socket
from collections.abc import Mapping
from typing import Final

from broker.proxy.database_route import DatabaseRoute
from broker.proxy.dialling import Dialler
from broker.proxy.limits import Limits
from broker.proxy.postgres.startup import SSL_REQUEST
from broker.proxy.problem import RefusedError, bad_answer
from broker.proxy.wire import Wire
from broker.secret import Secret

_BY_STRENGTH: Final = ("disable", "verify-ca", "verify-full")
_AGREES: Final = b"S"
_DECLINES: Final = b"N"


def mode_of(route: DatabaseRoute, values: Mapping[str, Secret]) -> str:
    """Return the stronger of what route and credential say, and the strongest if neither does.

    Modes that check nothing (``require``, ``prefer``) are no answer to whether anybody listens.
    """
    said = values["sslmode"].reveal() if "sslmode" in values else ""
    known = [mode for mode in (route.sslmode, said) if mode in _BY_STRENGTH]
    mode = max(known, key=_BY_STRENGTH.index, default=_BY_STRENGTH[-1])
    return mode if mode != "disable" or route.local else _BY_STRENGTH[-1]


async def connected(dialler: Dialler, route: DatabaseRoute, mode: str, limits: Limits) -> Wire:
    """Connect to the declared server, encrypted as the mode says.

    Raises:
        RefusedError: it cannot be reached, must not be, or is not the one that is meant.
        GoneError: it goes away meanwhile.
    """
    wire = await dialler.dial(route.authority, secure=False, local=route.local)
    try:
        _keep_alive(wire)
        if mode == "disable":
            return wire
        await _agree(wire, limits)
        return await dialler.encrypt(wire, route.authority, names=mode == "verify-full")
    except BaseException:
        wire.abort()
        raise


async def _agree(wire: Wire, limits: Limits) -> None:
    await wire.send(SSL_REQUEST, limits.dial_seconds)
    answer = await wire.exactly(1, limits.dial_seconds)
    if answer == _DECLINES:
        raise RefusedError(502, "no-encryption", "the server does not offer TLS")
    if answer != _AGREES:
        raise bad_answer("the server answers a wish for TLS by something else")


def _keep_alive(wire: Wire) -> None:
    """Find out about a server that is away, however long a session says nothing."""
    plug: socket.socket = wire.writer.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
