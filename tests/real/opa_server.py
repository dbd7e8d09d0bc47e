"""A real Open Policy Agent of a test's own, with the policy that the page for engines shows."""

import re
from pathlib import Path
from typing import Any, Final

import requests

from tests.real.peer_process import free_port, listens
from tests.real.peer_server import PeerServer

_PAGE: Final = Path(__file__).parents[2] / "docs" / "engines.md"


def documented() -> str:
    """Return the Rego of the page: it is what these tests run with."""
    (block,) = re.findall(r"^```rego\n(.*?)^```", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(block)


class OpaServer(PeerServer):
    """Listens on loopback; ``extra`` are arguments of its own command."""

    def __init__(self, program: Path, *extra: str, scheme: str = "http") -> None:
        super().__init__("opa")
        self._program = program
        self._extra = extra
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def start(self, **files: str) -> None:
        """Start it with policy files, and wait until it listens."""
        for name, text in files.items():
            (self._home / f"{name}.rego").write_text(text)
        argv = [str(self._program), "run", "--server", f"--addr=127.0.0.1:{self.port}"]
        argv += ["--disable-telemetry", *self._extra]
        argv += [str(self._home / f"{name}.rego") for name in files]
        self._launch(argv).when(lambda: listens(self.port))

    def says(self, method: str, path: str, **body: Any) -> requests.Response:
        """Call its API, as its owner does."""
        return requests.request(method, f"{self.url}{path}", timeout=30, **body)
