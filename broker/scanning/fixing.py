"""A folder with a configuration that takes the place of secrets, and a list of what to rotate.

It is a copy of the configuration that there is, with the proposal added: nothing that is there is
changed, so whoever likes it takes it over file by file. It has passed every check that
`broker config check` makes of a bundle and its targets, or there is no folder.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from broker.errors import ConfigurationError, InvalidRequestError
from broker.scanning.finding import Finding
from broker.scanning.offers import read_offers
from broker.scanning.proposing import Proposal
from broker.scanning.rotating import rotation_list
from broker.settings.load import load_document
from broker.settings.settings import Settings

ROTATE: Final = "ROTATE.md"
CONFIG: Final = "config"
_TARGETS: Final = "targets.yaml"


def write_fix(folder: Path, source: Path, proposal: Proposal, findings: Sequence[Finding]) -> None:
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
        _add(settings, proposal)
        read_offers(settings)
        text = rotation_list(findings, proposal)
        (folder / ROTATE).write_text(text, encoding="utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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


def _add(file: Path, proposal: Proposal) -> None:
    settings = load_document(file, Settings)
    insert(settings.bundle.agents, "agents", [proposal.agent])
    insert(settings.bundle.capabilities, "capabilities", proposal.capabilities)
    if proposal.targets:
        targets = settings.targets or file.parent / _TARGETS
        if settings.targets is None:
            with file.open("a", encoding="utf-8") as opened:
                opened.write(f"\ntargets: {_TARGETS}\n")
            targets.write_text("targets:\n", encoding="utf-8")
        insert(targets, "targets", proposal.targets)
    if proposal.capabilities:
        name = f"80-{proposal.agent['name']}.cedar"
        (settings.bundle.policies / name).write_text(proposal.policy, encoding="utf-8")


def insert(file: Path, key: str, records: Sequence[dict[str, Any]]) -> None:
    """Put records at the end of a list of a YAML file; every other line stays as it is.

    Raises:
        ConfigurationError: the list is not written line by line.
    """
    if not records:
        return
    lines = file.read_text(encoding="utf-8").splitlines()
    heads = [
        number for number, line in enumerate(lines) if line.split("#")[0].rstrip() == f"{key}:"
    ]
    if len(heads) != 1:
        raise ConfigurationError(
            f"{file}: `{key}:` does not begin a list of lines: add to it by hand"
        )
    end = _end(lines, heads[0] + 1)
    indent = _indent(lines[heads[0] + 1 : end])
    written = yaml.safe_dump(list(records), sort_keys=False, allow_unicode=True).splitlines()
    added = [f"{indent}{line}" if line else line for line in written]
    file.write_text("\n".join([*lines[:end], "", *added, *lines[end:]]) + "\n", encoding="utf-8")


def _end(lines: list[str], start: int) -> int:
    """Return after which line a list has ended: before the next key, and what is said above it."""
    end = start
    for number in range(start, len(lines)):
        line = lines[number]
        if line and not line.startswith((" ", "-", "#")):
            break
        if line.strip() and not line.startswith("#"):
            end = number + 1
    return end


def _indent(lines: list[str]) -> str:
    items = [line for line in lines if line.lstrip().startswith("- ")]
    return items[0][: len(items[0]) - len(items[0].lstrip())] if items else "  "
