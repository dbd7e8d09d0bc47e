"""Bundles that are not published yet: the shipped one, with something changed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from broker.clock import SystemClock
from broker.governance.bundle import Bundle
from broker.governance.published import Published
from broker.settings.limits import QuotaDefaults
from broker.settings.settings import BundleFiles
from tests.fakes.policy import CONFIG
from tests.fakes.world_config import edit

REVISION: Final = 2


class Candidate:
    """The shipped files, to be edited; what the shipped policies are meant to do is left out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "candidate"
        shutil.copytree(CONFIG, self.folder)
        self.write("policies/tests.yaml", "tests: []\n")

    def agent(self, name: str, **changes: object) -> None:
        """Change an agent's record."""
        self.edit("agents.yaml", lambda file: _named(file["agents"], name).update(changes))

    def capability(self, name: str, **changes: object) -> None:
        """Change a capability's record."""
        self.edit(
            "capabilities.yaml", lambda file: _named(file["capabilities"], name).update(changes)
        )

    def drop_capability(self, name: str) -> None:
        """Take a capability away."""

        def change(file: Any) -> None:
            file["capabilities"].remove(_named(file["capabilities"], name))

        self.edit("capabilities.yaml", change)

    def edit(self, name: str, change: Callable[[Any], object]) -> None:
        """Change one YAML file."""
        edit(self.folder / name, change)

    def write(self, name: str, text: str) -> None:
        """Make or replace a file."""
        (self.folder / name).write_text(text)

    def bundle(self) -> Bundle:
        """Read and check it."""
        return Bundle.from_files(
            BundleFiles(
                agents=self.folder / "agents.yaml",
                capabilities=self.folder / "capabilities.yaml",
                resource_servers=self.folder / "resource_servers.yaml",
                schema=self.folder / "schema.cedarschema",
                policies=self.folder / "policies",
            )
        )

    def published(self, revision: int = REVISION) -> Published:
        """Return what it would be in force."""
        return Published.of(
            self.bundle(), revision=revision, quotas=QuotaDefaults(), clock=SystemClock()
        )


def _named(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(record for record in records if record["name"] == name)
