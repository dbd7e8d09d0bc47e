"""As much of AMQP 0-9-1 as a client needs to be in: log in, open channels, be told to leave."""

import socket
import struct
from typing import Final, Self

_METHOD: Final = 1
_END: Final = b"\xce"
_PATIENCE_S: Final = 60.0

# Class and method (AMQP 0-9-1, "Class and Method Reference").
_START, _START_OK, _TUNE, _TUNE_OK = (10, 10), (10, 11), (10, 30), (10, 31)
_OPEN, _OPEN_OK, _CLOSE = (10, 40), (10, 41), (10, 50)
_CHANNEL_OPEN, _CHANNEL_OPEN_OK = (20, 10), (20, 11)


class ClosedError(Exception):
    """The server ended the connection; the text is what it said, empty if nothing."""


class Connection:
    """An open connection to the virtual host ``/``."""

    def __init__(self, port: int, username: str, password: str) -> None:
        """Log in.

        Raises:
            ClosedError: the server does not let that user in.
        """
        self._wire = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
        self._channels = 0
        try:
            self._log_in(username, password)
        except ClosedError:
            self._wire.close()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._wire.close()

    def _log_in(self, username: str, password: str) -> None:
        self._wire.sendall(b"AMQP\x00\x00\x09\x01")
        self._expect(_START)
        answer = _long(b"") + _short("PLAIN") + _long(f"\0{username}\0{password}".encode())
        self._send(0, _START_OK, answer + _short("en_US"))
        limits = self._expect(_TUNE)
        # As proposed, but without heartbeats: who waits here does not beat.
        self._send(0, _TUNE_OK, limits[:6] + struct.pack(">H", 0))
        self._send(0, _OPEN, _short("/") + _short("") + b"\x00")
        self._expect(_OPEN_OK)

    def open_channel(self) -> None:
        """Do something that the server must answer.

        Raises:
            ClosedError: it has closed the connection instead.
        """
        self._channels += 1
        self._send(self._channels, _CHANNEL_OPEN, _short(""))
        self._expect(_CHANNEL_OPEN_OK)

    def farewell(self) -> str:
        """Wait until the server ends the connection; return what it says."""
        try:
            raise AssertionError(self._expect(_CLOSE))
        except ClosedError as error:
            return str(error)

    def _send(self, channel: int, method: tuple[int, int], arguments: bytes) -> None:
        payload = struct.pack(">HH", *method) + arguments
        frame = struct.pack(">BHI", _METHOD, channel, len(payload)) + payload + _END
        try:
            self._wire.sendall(frame)
        except ConnectionError as error:
            raise ClosedError from error

    def _expect(self, wanted: tuple[int, int]) -> bytes:
        kind, _, size = struct.unpack(">BHI", self._read(7))
        payload = self._read(size + len(_END))[: -len(_END)]
        assert kind == _METHOD, kind
        method, arguments = struct.unpack(">HH", payload[:4]), payload[4:]
        if method == _CLOSE:
            raise ClosedError(arguments[3 : 3 + arguments[2]].decode())
        assert method == wanted, (method, wanted)
        return arguments

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            try:
                more = self._wire.recv(size - len(read))
            except ConnectionError as error:
                raise ClosedError from error
            if not more:
                raise ClosedError
            read += more
        return read


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _long(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets
