"""A copy of the shipped bundle that a test may spoil."""

import shutil
from pathlib import Path

from broker.errors import ConfigurationError
from broker.governance.bundle import Bundle
from broker.settings.settings import BundleFiles
from tests.fakes.policy import CONFIG


class BundleFolder:
    """The shipped bundle's files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bundle"
        shutil.copytree(CONFIG, self.folder)
        self.files = BundleFiles(
            agents=self.folder / "agents.yaml",
            capabilities=self.folder / "capabilities.yaml",
            resource_servers=self.folder / "resource_servers.yaml",
            schema=self.folder / "schema.cedarschema",
            policies=self.folder / "policies",
        )

    def edit(self, name: str, old: str, new: str) -> int:
        """Replace the first occurrence and return the line that it was on."""
        path = self.folder / name
        text = path.read_text()
        before, found, after = text.partition(old)
        assert found, f"{name} does not hold {old!r}"
        path.write_text(before + new + after)
        return before.count("\n") + 1

    def told(self) -> list[str]:
        """Read what is faulty and return what is told of it, without the folder's name."""
        try:
            Bundle.from_files(self.files)
        except ConfigurationError as error:
            return [f"{Path(f.file).name}:{f.line} {f.key}: {f.message}" for f in error.faults]
        raise AssertionError("no fault was found")

    def write(self, name: str, text: str) -> None:
        """Make or replace a file."""
        (self.folder / name).write_text(text)
