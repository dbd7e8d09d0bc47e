"""LocalEmu's server: conditions, tags, boundaries; no signatures. Its Python is 3.13."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from broker.secret import Secret
from tests.real.aws_peer import Keys, Peer
from tests.real.peer_process import PeerProcess, free_port, listens

_ACCOUNT: Final = "000000000000"
_RUN: Final = "from localemu.cli.main import main; main()"
_ROOT: Final = "test"


def python() -> Path | None:
    """Return a Python 3.13: the one on the path, or pyenv's; None if there is none."""
    homes = [os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"]
    kept = [one for home in homes if home for one in Path(home).glob("versions/3.13.*/bin/python")]
    on_path = shutil.which("python3.13")
    for candidate in [*([Path(on_path)] if on_path else []), *sorted(kept)]:
        if _answers(candidate):
            return candidate
    return None


def _answers(candidate: Path) -> bool:
    """Tell whether it runs: pyenv leaves a command there that only says which versions have it."""
    asked = [str(candidate), "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))"]
    try:
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


@contextmanager
def running(packages: Path, interpreter: Path, home: Path) -> Iterator[Peer]:
    """Run the server that is installed in a folder."""
    port = free_port()
    argv = [str(interpreter), "-c", _RUN, "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "PYTHONPATH": str(packages),
        "GATEWAY_SERVER": "hypercorn",  # its other server listens on every interface
        "IAM_ENFORCEMENT": "1",
        "ROOT_ACCESS_KEYS": _ROOT,
        "HOME": str(home),
        "LOCALEMU_VOLUME_DIR": str(home),
    }
    server = PeerProcess(argv, home / "localemu.log", environment)
    try:
        server.when(partial(listens, port))
        url = f"http://127.0.0.1:{port}"
        root = Keys(_ROOT, Secret(_ROOT))
        arn = f"arn:aws:iam::{_ACCOUNT}:root"
        yield Peer("localemu", url, url, url, _ACCOUNT, root, arn, (server.pid,))
    finally:
        server.kill()  # it takes its time otherwise, and keeps nothing
