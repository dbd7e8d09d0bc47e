"""A running `broker dev`, and a shell beside it: what a reader of the pages has."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 840

Up = Mapping[str, Any]
"""What is up: as `broker dev --json` tells it."""


@contextmanager
def playground() -> Iterator[Up]:
    """Start `broker dev` as the pages tell to, and stop it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "dev", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        with process.stdout as output:
            lines = iter(output.readline, "}\n")
            yield json.loads("".join(lines) + "}")
    finally:
        process.terminate()
        process.wait()


def run_script(script: str, up: Up, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run what a reader types, in an empty folder; end what it has left in the background."""
    with subprocess.Popen(  # noqa: S603 - the pages are ours
        [shutil.which("bash") or "bash", "-c", script],
        cwd=folder,
        env=_exports(up),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said = shell.communicate(timeout=PATIENCE_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(shell.args, shell.returncode, *said)


def _exports(up: Up) -> dict[str, str]:
    """Set what `broker dev` prints for a shell, and nothing else of a broker."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BROKER_")}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BROKER_URL": up["broker"],
        "BROKER_CONFIG": up["config"],
        "BROKER_DEV_STATE": up["state"],
        "ORDERS_URL": f"{up['resource']}/orders",
    }
