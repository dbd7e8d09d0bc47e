"""The command lines of a demo's processes, as data: a test can start others in their place."""

import sys
from dataclasses import dataclass
from typing import TypeAlias

CommandLine: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Commands:
    """What is started for each part; the arguments are appended."""

    serve: CommandLine = (sys.executable, "-m", "broker", "serve")
    apply: CommandLine = (sys.executable, "-m", "broker", "apply")
    init_keys: CommandLine = (sys.executable, "-m", "broker", "keys", "init")
    issuer: CommandLine = (sys.executable, "-m", "broker.dev.issuer")
    resource_server: CommandLine = (sys.executable, "-m", "broker.dev.resource_server")
