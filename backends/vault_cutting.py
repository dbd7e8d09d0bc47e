"""Sends requests, and cuts their connections when the deadline has passed.

The timeouts of requests are for each reading: a server that drips one byte after the other, in its
handshake or in the head of an answer, would hold a thread for as long as it likes.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from backends.contract import Deadline

Watch = Callable[[socket.socket], None]


class CuttingAdapter(HTTPAdapter):
    """For one conversation; :meth:`close` ends the watching."""

    def __init__(self, deadline: Deadline) -> None:
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_over = False
        super().__init__()
        self._timer = threading.Timer(max(0.0, deadline.left_s), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def init_poolmanager(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - urllib3's own
        """Let every connection be watched from before its handshake."""
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _plain(self._watch),
            "https": _encrypted(self._watch),
        }

    def close(self) -> None:
        """Close every connection."""
        self._timer.cancel()
        super().close()
        with self._lock:
            for each in self._open:
                each.close()
            self._open.clear()

    def _watch(self, opened: socket.socket) -> None:
        # Its own descriptor: TLS takes the other one over.
        mine = socket.socket(fileno=os.dup(opened.fileno()))
        with self._lock:
            self._open.append(mine)
            if self._is_over:
                _shut(mine)

    def _cut(self) -> None:
        with self._lock:
            self._is_over = True
            for each in self._open:
                _shut(each)


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        opened.shutdown(socket.SHUT_RDWR)


def _plain(watch: Watch) -> type[HTTPConnectionPool]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            watch(opened)
            return opened

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool


def _encrypted(watch: Watch) -> type[HTTPSConnectionPool]:
    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            watch(opened)
            return opened

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool
