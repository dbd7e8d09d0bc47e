"""A configuration that takes the place of secrets, and a list of what to rotate.

Either in a folder of its own, a copy of the configuration with the proposal added; or into the
files that are there. A copy has passed every check of a configuration, or nothing is written.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from broker.errors import ConfigurationError, InvalidRequestError
from broker.scanning.changing import Change, changes
from broker.scanning.exchanging import exchange
from broker.scanning.finding import Finding
from broker.scanning.proposing import Proposal
from broker.scanning.rotating import rotation_list
from broker.settings.load import load_document
from broker.settings.settings import Settings

ROTATE: Final = "ROTATE.md"
CONFIG: Final = "config"

Check: TypeAlias = Callable[[Path], object]
"""Checks the configuration that a settings file names; raises ConfigurationError."""


def write_fix(
    folder: Path, source: Path, proposal: Proposal, findings: Sequence[Finding], check: Check
) -> list[Change]:
    """Write the folder. ``source`` is the settings file of the configuration to begin with.

    Raises:
        InvalidRequestError: the folder is there already.
        ConfigurationError: the configuration cannot be copied, or does not pass its checks then.
    """
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InvalidRequestError(
            f"{folder} cannot be made ({error.strerror}): name a folder that is not there"
        ) from error
    try:
        settings = _copied(source, folder / CONFIG)
        found = changes(settings, proposal)
        for each in found:
            each.file.write_bytes(each.after)
        check(settings)
        _write_list(folder / ROTATE, findings, proposal, found)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return found


def write_into(
    source: Path, proposal: Proposal, findings: Sequence[Finding], check: Check
) -> tuple[list[Change], Path]:
    """Add to the files of a configuration; return what was changed, and where the list is.

    Nothing that stands in them is lost: each file is exchanged as a whole, for one that has every
    line of it. If one has changed meanwhile, or cannot be written, all are as they were.

    Raises:
        InvalidRequestError: the list is there already.
        ConfigurationError: it would not pass its checks, changed meanwhile, or cannot be written.
    """
    check(source)
    found = changes(source, proposal)
    with tempfile.TemporaryDirectory(prefix="broker-scan-fix-") as folder:
        copy = _copied(source, Path(folder) / CONFIG)
        for each in changes(copy, proposal):
            each.file.write_bytes(each.after)
        check(copy)
    rotate = source.parent / f"ROTATE-{proposal.agent['name']}.md"
    if rotate.exists():
        raise InvalidRequestError(f"{rotate} is there already: move it away")
    exchange(found)
    _write_list(rotate, findings, proposal, found)
    return found, rotate


def _write_list(
    file: Path, findings: Sequence[Finding], proposal: Proposal, found: Sequence[Change]
) -> None:
    left = [str(each) for change in found for each in change.left]
    file.write_text(rotation_list(findings, proposal, left), encoding="utf-8")


def _copied(source: Path, folder: Path) -> Path:
    """Copy the files of a configuration, and nothing else that may lie beside them."""
    settings = load_document(source, Settings)
    bundle = settings.bundle
    files = [source, settings.issuers, bundle.agents, bundle.capabilities]
    files += [bundle.resource_servers, bundle.schema, *sorted(bundle.policies.glob("*.cedar"))]
    files += [each for each in (bundle.policies / "tests.yaml", settings.targets) if each]
    for file in files:
        if file.exists():
            target = folder / _within(file, source.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return folder / source.name


def _within(file: Path, root: Path) -> str:
    name = os.path.relpath(file, root)
    if name.startswith(os.pardir):
        raise ConfigurationError(f"{file} is not below {root}: such a configuration is not copied")
    return name
