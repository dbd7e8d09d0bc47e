"""Toy targets beside a world of real processes: what an operator declares for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

SCOPES: Final = ("orders:read",)


def declare(folder: Path, kind: str, port: int) -> None:
    """Write a target ``yard`` and its capability ``toys`` into a folder of configuration files."""
    toys = {"name": "yard", "kind": kind, "deadline_ms": 1_000, "options": {"port": port}}
    (folder / "targets.yaml").write_text(yaml.safe_dump({"targets": [toys]}))
    _edit(folder / "capabilities.yaml", lambda file: file["capabilities"].append(_toys(kind)))
    for file in folder.glob("broker*.yaml"):
        _edit(file, lambda document: document.update(targets="targets.yaml"))


def _toys(kind: str) -> dict[str, Any]:
    return {
        "name": "toys",
        "backend": kind,
        "target": "yard",
        "audience": "toy:yard",
        "scopes": list(SCOPES),
        "tenants": ["acme"],
        "max_ttl_seconds": 600,
        "default_ttl_seconds": 300,
    }


def _edit(path: Path, change: Callable[[Any], object]) -> None:
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
