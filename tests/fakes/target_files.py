"""A configuration with one target and one capability at it, on disk."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from broker.errors import LocatedFault
from broker.governance.bundle import Bundle
from broker.settings.load import Reading, load_document
from broker.settings.settings import Settings
from broker.targets.capabilities import check_targets
from tests.fakes.policy import CONFIG


class Files:
    """The shipped configuration with one target and one capability at it."""

    def __init__(self, folder: Path, target: dict[str, Any], capability: dict[str, Any]) -> None:
        self.folder = folder / "config"
        shutil.copytree(CONFIG, self.folder)
        broker = self.folder / "broker.yaml"
        broker.write_text(broker.read_text() + "\ntargets: targets.yaml\n")
        self.target, self.capability = deepcopy(target), deepcopy(capability)

    def write(self) -> Settings:
        """Write both down; return the settings."""
        targets = yaml.safe_dump({"targets": [self.target]}, sort_keys=False)
        (self.folder / "targets.yaml").write_text(targets)
        file = self.folder / "capabilities.yaml"
        document = yaml.safe_load((CONFIG / "capabilities.yaml").read_text())
        document["capabilities"].append(self.capability)
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return load_document(self.folder / "broker.yaml", Settings)

    def faults(self) -> list[LocatedFault]:
        """Check everything as `broker config check` does."""
        settings, reading = self.write(), Reading()
        bundle = Bundle.read(settings.bundle, reading)
        document = bundle.document if bundle else None
        check_targets(settings.targets, settings.bundle, document, reading)
        return list(reading.faults)
