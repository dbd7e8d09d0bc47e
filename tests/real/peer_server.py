"""A server of others with a folder of its own, which a test may freeze, kill and start again."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.real.peer_process import PeerProcess


class PeerServer:
    """One process at a time; its folder, ``_home``, outlives it until :meth:`remove`."""

    def __init__(self, name: str) -> None:
        self._home = Path(tempfile.mkdtemp(prefix=f"jit-{name}-"))
        self._process: PeerProcess | None = None

    def _launch(self, argv: Sequence[str]) -> PeerProcess:
        """Start it, and return the process that is to be waited for."""
        self._process = PeerProcess(argv, self._home / "log")
        return self._process

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self._home / "log").read_text(errors="replace")

    def kill(self) -> None:
        """End it as by power loss."""
        assert self._process is not None
        self._process.kill()

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing."""
        assert self._process is not None
        self._process.freeze()

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        assert self._process is not None
        self._process.thaw()

    def remove(self) -> None:
        """Stop it, and forget its data."""
        if self._process is not None:
            self._process.kill()
        shutil.rmtree(self._home)
