"""The options that name what a caller shows, for commands that may not need it after all.

Apart from :mod:`broker.cli.caller`, which loads the client: a helper that a tool starts for every
request must not wait for that where it asks nobody but its own run.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click

FILES: Final[Mapping[str, tuple[str, str]]] = {
    "token_file": (
        "BROKER_TOKEN_FILE",
        "A file with your workload token; it is read for each request.",
    ),
    "cert_file": (
        "BROKER_CERT_FILE",
        "Your client certificate (X.509-SVID) in PEM, beside the token or in its place.",
    ),
    "key_file": ("BROKER_KEY_FILE", "Its private key, when it is in a file of its own."),
    "ca_file": (
        "BROKER_CA_FILE",
        "The only authorities to believe of the broker; else the machine's.",
    ),
}


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each of the files."""
    for name, (variable, words) in reversed(list(FILES.items())):
        flag, path = f"--{name.replace('_', '-')}", click.Path(path_type=Path)
        command = click.option(flag, envvar=variable, type=path, help=words)(command)
    return command
