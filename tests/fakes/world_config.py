"""The shipped configuration in a folder of a test's own, with a wider cast of characters."""

import shutil
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec.structs import replace

from broker.governance.bundle import Bundle
from broker.settings.listening import Listen
from broker.settings.load import load_document
from broker.settings.settings import Audit, BundleFiles, KeyFiles, Settings
from broker.store.clock_bounds import FAR_MS
from tests.fakes.issuer import Signer
from tests.fakes.policy import CONFIG

BROKER: Final = "http://127.0.0.1:8700"
"""Our own ``iss``."""

AUDIENCE: Final = "jit-broker"
"""What workload tokens are addressed to."""

ISSUERS: Final = ("http://127.0.0.1:8701", "http://127.0.0.1:8702")
"""Two issuers that vouch for the same names: the shipped one, and another."""

LEGACY: Final = "https://legacy.example"
"""An audience that nobody registered: it checks offline."""

_MORE_AGENTS: Final[Mapping[str, list[dict[str, Any]]]] = {
    "tenants": [{"name": "tiny", "quota": 3}],
    "agents": [
        {
            "name": name,
            "tenant": tenant,
            "owner": "owner@example",
            "purpose": "plays a part in tests",
            "status": "active",
            "risk": "low",
            "quota": quota,
        }
        for name, tenant, quota in (
            ("small-bot", "acme", 3),
            ("tiny-bot", "tiny", 100),
            ("tiny-helper", "tiny", 100),
        )
    ],
    "orchestrators": [
        {"name": "other-orchestrator", "tenants": ["acme"]},
        {"name": "stock-orchestrator", "tenants": ["globex"]},
        {"name": "wide-orchestrator", "tenants": ["acme", "globex", "tiny"]},
    ],
    "operators": [
        {"name": "gina", "tenants": ["globex"]},
        {"name": "both-operator", "tenants": ["acme", "globex"]},
    ],
}

_LEGACY_API: Final[Mapping[str, Any]] = {
    "name": "legacy-api",
    "backend": "jwt",
    "audience": LEGACY,
    "scopes": ["orders:read"],
    "tenants": ["acme", "globex"],
    "max_ttl_seconds": 300,
    "default_ttl_seconds": 300,
}


class Template:
    """The files as every test begins with them, read and checked once for the session."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.folder = folder / "config"
        shutil.copytree(CONFIG, self.folder)
        (self.folder / "jwks.json").write_bytes(signer.jwks())
        # What the shipped policies are meant to do is no business of policies that a test writes.
        (self.folder / "policies" / "tests.yaml").write_text("tests: []\n")
        edit(self.folder / "agents.yaml", _add_cast)
        edit(
            self.folder / "capabilities.yaml",
            lambda file: file["capabilities"].append(dict(_LEGACY_API)),
        )
        edit(self.folder / "issuers.yaml", self._trust_two)
        edit(self.folder / "broker.yaml", _hurry)
        self.settings = load_document(self.folder / "broker.yaml", Settings)
        self.bundle = Bundle.from_files(self.settings.bundle)

    def _trust_two(self, file: Any) -> None:
        first = file["issuers"][0]
        first["keys"] = {"file": str(self.folder / "jwks.json")}
        first["claims"]["optional"].append("team")
        file["issuers"].append({**deepcopy(first), "name": "second", "issuer": ISSUERS[1]})


class WorldConfig:
    """The files of one installation, which a test may edit and publish again.

    ``store`` is the URL of the ledger, ``sockets`` a folder with a short path.
    """

    def __init__(self, template: Template, folder: Path, *, store: str, sockets: Path) -> None:
        self.folder = folder / "config"
        self.keys = folder / "keys"
        self._template = template
        self._sockets = sockets
        shutil.copytree(template.folder, self.folder)
        shipped = template.settings
        self._settings = replace(
            shipped,
            store=replace(shipped.store, url=store),
            keys=KeyFiles(directory=self.keys),
            issuers=self.folder / "issuers.yaml",
            bundle=BundleFiles(
                agents=self.folder / "agents.yaml",
                capabilities=self.folder / "capabilities.yaml",
                resource_servers=self.folder / "resource_servers.yaml",
                schema=self.folder / "schema.cedarschema",
                policies=self.folder / "policies",
            ),
            audit=Audit(file=folder / "audit.jsonl"),
            # Tests push the ledger's clock by hours; one that is about clocks says a bound.
            clock=replace(shipped.clock, max_skew_ms=FAR_MS),
        )

    @property
    def bundle(self) -> Bundle:
        """The bundle of the unchanged files."""
        return self._template.bundle

    def settings(self, number: int = 0, **changes: object) -> Settings:
        """Return the settings of the broker with this number, some of them changed."""
        own = {
            "audit": Audit(file=self.folder.parent / f"audit-{number}.jsonl"),
            "listen": Listen(unix=self._sockets / f"{number}.sock"),
        }
        return replace(self._settings, **{**own, **changes})

    def edit(self, name: str, change: Callable[[Any], object]) -> None:
        """Change one YAML file."""
        edit(self.folder / name, change)

    def edit_agent(self, name: str, **changes: object) -> None:
        """Change an agent's record."""
        self.edit("agents.yaml", lambda file: _named(file["agents"], name).update(changes))

    def edit_capability(self, name: str, **changes: object) -> None:
        """Change a capability's record; with another life it is for no emergency."""

        def change(file: Any) -> None:
            capability = _named(file["capabilities"], name)
            capability.update(changes)
            if "max_ttl_seconds" in changes:
                capability.pop("break_glass", None)

        self.edit("capabilities.yaml", change)

    def write(self, name: str, text: str) -> None:
        """Make or replace a file."""
        (self.folder / name).write_text(text)


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change one YAML file."""
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def _named(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(record for record in records if record["name"] == name)


def _add_cast(file: Any) -> None:
    for section, records in _MORE_AGENTS.items():
        file[section] += deepcopy(records)


def _hurry(file: Any) -> None:
    file["reaper"]["interval_ms"] = 50
    file["feed"]["alive_ms"] = 200
