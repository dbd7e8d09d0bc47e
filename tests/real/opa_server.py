"""A real Open Policy Agent of a test's own, with the policy that the page for engines shows."""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import requests

from tests.real.foreign import free_port

_START_S: Final = 60.0
_PAGE: Final = Path(__file__).parents[2] / "docs" / "engines.md"


def documented() -> str:
    """Return the Rego of the page: it is what these tests run with."""
    (block,) = re.findall(r"^```rego\n(.*?)^```", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(block)


class OpaServer:
    """Listens on loopback; ``extra`` are arguments of its own command."""

    def __init__(self, program: Path, *extra: str, scheme: str = "http") -> None:
        self._program = program
        self._extra = extra
        self._home = Path(tempfile.mkdtemp(prefix="jit-opa-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def start(self, **files: str) -> None:
        """Start it with policy files, and wait until it listens."""
        for name, text in files.items():
            (self._home / f"{name}.rego").write_text(text)
        argv = [str(self._program), "run", "--server", f"--addr=127.0.0.1:{self.port}"]
        argv += ["--disable-telemetry", *self._extra]
        argv += [str(self._home / f"{name}.rego") for name in files]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self._home)  # noqa: S603 - ours
        self._until_it_listens()

    def _until_it_listens(self) -> None:
        ends = time.monotonic() + _START_S
        while time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self._home / "log").read_text(errors="replace"))

    def says(self, method: str, path: str, **body: Any) -> requests.Response:
        """Call its API, as its owner does."""
        return requests.request(method, f"{self.url}{path}", timeout=30, **body)

    def kill(self) -> None:
        """End it as by power loss."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_START_S)

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it, and forget its files."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.kill()
        shutil.rmtree(self._home)
