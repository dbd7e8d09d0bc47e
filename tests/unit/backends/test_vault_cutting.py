"""A server that drips, in its handshake or in the head of an answer, holds no thread for long."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.contract import Deadline
from backends.errors import BackendError, Trouble
from backends.vault_channel import Channel
from backends.vault_login import monotonic_ms
from backends.vault_options import JwtLogin, Manner, Mount, VaultOptions
from tests.fakes.certificates import Authority


class Dripping:
    """Sends one byte after the other, without an end."""

    def __init__(self, first: bytes, context: ssl.SSLContext | None = None) -> None:
        self._first = first
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.dripped = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                taken, _ = self._listening.accept()
            except OSError:
                return
            with taken:
                self._drip(taken)

    def _drip(self, taken: socket.socket) -> None:
        try:
            taken.recv(65_536)
            taken.sendall(self._first)
            while not self._stopped.wait(0.02):
                taken.sendall(b"x")
                self.dripped.set()
        except OSError:
            return

    def stop(self) -> None:
        """Drip no more."""
        self._stopped.set()
        self._listening.close()
        self._thread.join(60)


HEAD = b"HTTP/1.1 200 OK\r\nX-Long: "
HANDSHAKE = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0\x03\x03"


@pytest.fixture(params=["head", "handshake"])
def dripping(request: pytest.FixtureRequest) -> Iterator[tuple[str, Dripping]]:
    """A server, and how to speak with it."""
    is_encrypted = request.param == "handshake"
    server = Dripping(HANDSHAKE if is_encrypted else HEAD)
    scheme = "https" if is_encrypted else "http"
    yield f"{scheme}://127.0.0.1:{server.port}", server
    server.stop()


def options(address: str, folder: Path) -> VaultOptions:
    """Declare it."""
    return VaultOptions(
        address=address,
        login=JwtLogin(role="jit-broker"),
        token_role="jit",
        mounts=(Mount(mount="database", engine="database", death=Manner.LEASE),),
        ca_file=Authority(folder, "some").ca_file if address.startswith("https") else None,
    )


def test_whoever_drips_is_cut_off_at_the_deadline(
    dripping: tuple[str, Dripping], tmp_path: Path
) -> None:
    """The thread is free while the server still drips, and says that it was too late."""
    address, server = dripping
    declared = options(address, tmp_path)
    found: list[BackendError] = []

    def ask() -> None:
        deadline = Deadline(monotonic_ms() + 800, monotonic_ms)
        with Channel(declared, deadline) as channel, pytest.raises(BackendError) as caught:
            channel.ask("get", "sys/health")
        found.append(caught.value)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(30)

    assert not asking.is_alive()
    assert server.dripped.is_set()
    assert found[0].trouble is Trouble.LATE
