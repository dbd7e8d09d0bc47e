"""The shipped configuration for a benchmark: everything on, and no limit so low that it refuses.

What is changed is listed here and nowhere else. Policy, capabilities and resource servers are those
that are shipped.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from broker.governance.bundle import Bundle
from broker.installation import open_installation
from broker.publishing import Publishing
from broker.rotation import Rotation
from broker.settings.load import load_document
from broker.settings.settings import Settings

SHIPPED: Final = Path(__file__).parents[2] / "config"

WHO: Final = "bench"
"""In whose name all is published."""

PLENTY: Final = 100_000_000
"""A quota that is counted and never reached."""

CONNECTIONS: Final = 1_000
TREE: Final = 200_000
"""Live credentials of one task: the tree benchmark holds a hundred thousand."""

BURST: Final = 4
"""Refusals that freeze: a hundred a minute of one agent are recorded, in twenty bursts eighty."""

LOOKS_AT_EVERYTHING: Final = """
@id("bench-looks-at-everything")
forbid (principal, action, resource) when { context.labels.containsAny(context.task.tickets) };
"""
"""Labels and tickets differ with every request, and are looked at as they are."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What this machine gave: the ledger's URL, the workload issuer, and the brokers' one port."""

    store: str
    issuer: str
    port: int


async def install(state: Path, addresses: Addresses, *, workers: int, alg: str) -> list[Path]:
    """Write the configuration, make a signing key and publish; return one file per worker.

    Raises:
        ConfigurationError: the shipped configuration is not valid.
    """
    files = write(state, addresses, workers=workers)
    settings = load_document(files[0], Settings)
    async with open_installation(settings) as found:
        await Rotation(found, by=WHO, alg=alg).init()
        await Publishing(found, by=WHO).publish(Bundle.from_files(settings.bundle))
    return files


async def look_at_everything(file: Path) -> None:
    """Publish one more policy: it refuses nothing, and leaves nothing to be remembered."""
    settings = load_document(file, Settings)
    (settings.bundle.policies / "99-bench.cedar").write_text(LOOKS_AT_EVERYTHING, encoding="utf-8")
    async with open_installation(settings) as found:
        await Publishing(found, by=WHO).publish(Bundle.from_files(settings.bundle))


def write(state: Path, addresses: Addresses, *, workers: int) -> list[Path]:
    """Copy the shipped configuration, change what has to be, and return it once for each worker."""
    folder = state / "config"
    shutil.copytree(SHIPPED, folder)
    _rewrite(folder / "issuers.yaml", lambda document: _issuers(document, addresses.issuer))
    _rewrite(folder / "agents.yaml", _agents)
    shipped = _read(folder / "broker.yaml")
    file = folder / "broker.yaml"
    _write(file, shipped | _changes(shipped, state, addresses))
    return [file] * workers


def _changes(shipped: Mapping[str, Any], state: Path, addresses: Addresses) -> dict[str, Any]:
    return {
        "issuer": f"http://127.0.0.1:{addresses.port}",
        "listen": shipped["listen"] | {"port": addresses.port, "reuse_port": True},
        "store": shipped["store"] | {"url": addresses.store},
        "keys": {"directory": str(state / "keys")},
        "audit": shipped["audit"] | {"file": str(state / "audit.jsonl")},
        "limits": shipped["limits"]
        | {"connections_per_peer": CONNECTIONS, "connections": CONNECTIONS},
        "tasks": shipped["tasks"] | {"max_live_credentials": TREE},
        "behaviour": {"detectors": {"denial-burst": {"threshold": BURST}}},
        "quotas": {"agent": PLENTY, "tenant": PLENTY},
        "log": shipped["log"] | {"level": "warning"},
    }


def _issuers(document: dict[str, Any], issuer: str) -> None:
    declared = document["issuers"][0]
    declared["issuer"] = issuer
    declared["keys"]["url"] = f"{issuer}/jwks"


def _agents(document: dict[str, Any]) -> None:
    for entry in (*document["tenants"], *document["agents"]):
        if "quota" in entry:
            entry["quota"] = PLENTY


def _rewrite(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = _read(file)
    change(document)
    _write(file, document)


def _read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def _write(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
