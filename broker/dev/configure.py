"""The shipped configuration with this machine's addresses in it, and nothing else changed."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

import broker
from broker.dev.realms import stanzas, trust_domain
from broker.errors import ConfigurationError

_PACKAGE: Final = Path(broker.__file__).parent
PLACES: Final = (_PACKAGE / "shipped_config", _PACKAGE.parent / "config")
"""Where the shipped configuration is: in an installed wheel, and in a checkout."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the parts of the demo were given by this machine."""

    store: str
    workload_issuer: str
    ports: tuple[int, ...]

    @property
    def brokers(self) -> tuple[str, ...]:
        """The brokers' URLs."""
        return tuple(f"http://127.0.0.1:{port}" for port in self.ports)


def shipped() -> Path:
    """Find the shipped configuration.

    Raises:
        ConfigurationError: this installation has none.
    """
    for place in PLACES:
        if (place / "broker.yaml").exists():
            return place
    raise ConfigurationError(f"no configuration in {PLACES[0]} or {PLACES[1]}: install again")


def trail_file(state: Path, number: int) -> Path:
    """Return where a broker writes its audit trail: no two brokers share a file."""
    return state / f"audit-{number}.jsonl"


def write(source: Path, state: Path, addresses: Addresses) -> list[Path]:
    """Copy the configuration into the state directory; return one ``broker.yaml`` a broker.

    All brokers sign as the first one: one issuer, one ledger, several processes.
    """
    folder = state / "config"
    shutil.copytree(source, folder)
    _patch_issuers(folder / "issuers.yaml", addresses.workload_issuer)
    settings = _read(folder / "broker.yaml")
    files = []
    for number, port in enumerate(addresses.ports, 1):
        file = folder / f"broker-{number}.yaml"
        _write(file, settings | _changes(settings, state, addresses, number, port))
        files.append(file)
    return files


def _changes(
    settings: Mapping[str, Any], state: Path, addresses: Addresses, number: int, port: int
) -> dict[str, Any]:
    return {
        "issuer": addresses.brokers[0],
        "listen": settings["listen"] | {"port": port},
        "store": settings["store"] | {"url": addresses.store},
        "keys": settings["keys"] | {"directory": str(state / "keys")},
        "audit": settings["audit"] | {"file": str(trail_file(state, number))},
    }


def _patch_issuers(file: Path, issuer: str) -> None:
    document = _read(file)
    declared = document["issuers"][0]
    declared["issuer"] = issuer
    declared["keys"]["url"] = f"{issuer}/jwks"
    algorithm = declared["algorithms"][0]
    document["issuers"] += stanzas(issuer, algorithm)
    document["trust_domains"] = [trust_domain(issuer, algorithm)]
    _write(file, document)


def _read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def _write(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
