"""Candidates: bundles that are looked at and not in force, from a folder or a kept revision."""

from pathlib import Path

from msgspec import structs

from broker.errors import ConfigurationError
from broker.governance.bundle import Bundle
from broker.installation import Installation
from broker.publishing import Publishing
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles, Settings


def of_folder(settings: Settings, folder: Path) -> Settings:
    """Return the settings with the bundle's files, by their names, in another folder."""
    named = settings.bundle
    files = BundleFiles(
        agents=folder / named.agents.name,
        capabilities=folder / named.capabilities.name,
        resource_servers=folder / named.resource_servers.name,
        schema=folder / named.schema.name,
        policies=folder / named.policies.name,
    )
    return structs.replace(settings, bundle=files)


async def candidate(found: Installation, named: str, *, by: str) -> Bundle:
    """Return the bundle that is meant: a folder's, or a kept revision's by its number.

    Raises:
        ConfigurationError: it has a fault; it carries every one.
        NotFoundError: that revision is not kept.
    """
    if named.isascii() and named.isdigit() and len(named) < 10:  # noqa: PLR2004 - as revisions are
        return await Publishing(found, by=by).kept(int(named))
    return _read(found.settings, Path(named))


def _read(settings: Settings, folder: Path) -> Bundle:
    if not _is_folder(folder):
        raise ConfigurationError(f"{folder}: neither a folder of files nor a revision's number")
    reading = Reading()
    bundle = Bundle.read(of_folder(settings, folder).bundle, reading)
    reading.finish()
    if bundle is None:
        raise ConfigurationError(f"{folder}: nothing could be read")
    return bundle


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no name that a file could have
        return False
