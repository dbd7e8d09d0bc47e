"""A proxy that passes everything on, and can lose what a server answers to one request."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self


class LossyProxy:
    """Listens on the loopback interface; each connection has a thread of its own."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._word: bytes | None = None
        self.lost = 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more; connections end with their ends."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @contextlib.contextmanager
    def losing_after(self, word: bytes) -> Iterator[None]:
        """End each connection whose client has sent a word, once the server has done its work."""
        self._word = word
        try:
            yield
        finally:
            self._word = None

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            is_losing = False
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready:
                    sent = _read(client)
                    if not sent:
                        return
                    server.sendall(sent)
                    is_losing = is_losing or (self._word is not None and self._word in sent)
                if server in ready:
                    answer = _read(server)
                    if not answer:
                        return
                    if is_losing:
                        self.lost += 1
                        return  # the server has answered, so it has done its work
                    client.sendall(answer)


def _read(end: socket.socket) -> bytes:
    try:
        return end.recv(65_536)
    except OSError:
        return b""
