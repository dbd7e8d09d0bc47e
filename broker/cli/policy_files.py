"""Which policy files a command is about."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from broker.cli.settings import settings_file
from broker.errors import ConfigurationError
from broker.policy.compiled import Source
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles

T = TypeVar("T")

FILES = click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))


def bundle_files(config: Path, reading: Reading) -> BundleFiles:
    """Return where the bundle's files lie, by the one part of the settings that says so.

    Raises:
        ConfigurationError: it does not say, or cannot be read.
    """
    file = settings_file(config)
    found = reading.part(file, "bundle", BundleFiles)
    if found is None:
        reading.note(*reading.document(file).faults)
        reading.finish()
        raise ConfigurationError(f"{file}: bundle: does not name the bundle's files")
    return found


def policy_paths(config: Path, given: tuple[Path, ...], reading: Reading) -> list[Path]:
    """Return the files that were named, or all of the configured folder.

    Raises:
        ConfigurationError: the folder cannot be listed.
    """
    if given:
        return list(dict.fromkeys(given))
    folder = bundle_files(config, reading).policies
    try:
        return sorted(path for path in folder.glob("*.cedar") if not path.name.startswith("."))
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot be read: {error.strerror}") from error


def sources(paths: list[Path], reading: Reading) -> list[tuple[Path, Source]]:
    """Read the files; what cannot be read is noted."""
    read = [(path, reading.read_text(path)) for path in paths]
    return [(path, Source(str(path), text)) for path, text in read if text is not None]


def each_noted(found: list[T], reading: Reading, work: Callable[[T], None]) -> None:
    """Do something with each, and note all that is wrong with any.

    Raises:
        ConfigurationError: something is.
    """
    for one in found:
        try:
            work(one)
        except ConfigurationError as error:
            reading.note(*error.faults)
    reading.finish()
