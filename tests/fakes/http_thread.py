"""A server of the standard library on a thread of its own, while a ``with`` block lasts."""

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class HttpThread(ABC):
    """Listens on a free port of this machine; ``url`` says where."""

    url: str

    @abstractmethod
    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return what answers."""

    def __enter__(self) -> Self:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
