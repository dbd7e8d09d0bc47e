"""The route of signals. What it raises: :mod:`broker.client.api_errors`, ``.errors``."""

import msgspec

from broker.client import route
from broker.client.transport import Call, Transport
from broker.secret import Secret


class SignalTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a signal: operators look the finding up."""

    finding: str


class SignalCalls:
    """Say that something is odd, as a source that the broker knows."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(self, signal: Secret) -> SignalTaken:
        """Send a signed Security Event Token. It counts once; a repeat is refused."""
        call = Call("POST", ("v1", "signals"), json=route.body(signal=signal.reveal()))
        return await self._transport.fetch(call, SignalTaken)
