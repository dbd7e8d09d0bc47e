"""Another installation beside a running `broker dev`: files and keys of its own, the same Redis."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from tests.fakes.playground import Up

PATIENCE_S = 60


def configuration_beside(up: Up, folder: Path) -> Path:
    """Write one whose keys and tokens live for a second, and of which nothing is published."""
    source = Path(up["config"])
    config = folder / "config"
    shutil.copytree(source.parent, config)
    told = yaml.safe_load(source.read_text("utf-8"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told["listen"]["port"] = port
    told["issuer"] = f"http://127.0.0.1:{port}"
    told["store"]["namespace"] = "beside"
    told["keys"] = {"directory": str(folder / "keys"), "cache_seconds": 1, "overlap_seconds": 1}
    told["audit"] = {"file": str(folder / "audit.jsonl")}
    (folder / "run").mkdir(mode=0o700)
    told["panic_socket"] = str(folder / "run" / "panic.sock")
    (config / "broker.yaml").write_text(yaml.safe_dump(told), "utf-8")
    capabilities = config / "capabilities.yaml"
    shortest = re.sub(r"(\w+_ttl_seconds): \d+", r"\1: 1", capabilities.read_text("utf-8"))
    capabilities.write_text(shortest, "utf-8")
    return config / "broker.yaml"


@contextmanager
def serving(command: list[str], config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `broker serve`, and go on when it gives access."""
    ready = f"{yaml.safe_load(config.read_text('utf-8'))['issuer']}/readyz"
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "broker", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(PATIENCE_S * 10):
            if process.poll() is not None or _answers(ready):
                break
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except URLError:
        return False
