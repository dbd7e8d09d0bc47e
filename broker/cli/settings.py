"""Reading the configuration that `--config` names."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from broker.settings.load import load_document
from broker.settings.settings import Settings

FILE: Final = "broker.yaml"


def config_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option that names the configuration."""
    return click.option(
        "--config",
        envvar="BROKER_CONFIG",
        default=f"config/{FILE}",
        show_default=True,
        type=click.Path(path_type=Path),
        help=f"{FILE}, or the folder that it is in.",
    )(command)


def settings_file(config: Path) -> Path:
    """Return the file that is meant."""
    try:
        is_folder = config.is_dir()
    except OSError:  # a path that cannot be: whoever reads it says so
        is_folder = False
    return config / FILE if is_folder else config


def load(config: Path) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: something in the file is wrong; it carries every fault.
    """
    return load_document(settings_file(config), Settings)
