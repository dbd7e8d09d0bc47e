"""Secrets in files: written where their owner asked for it, read from where it says."""

import os
from pathlib import Path
from typing import Final, TextIO

from broker.cli.failure import CommandFailedError
from broker.secret import Secret

_MOST: Final = 256
"""Characters; the broker takes no longer handle."""


def write_private_text(file: Path, text: str) -> None:
    """Write a file that its owner alone may read; one that is there is replaced.

    Raises:
        CommandFailedError: it cannot be written.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as output:
            os.fchmod(handle, 0o600)  # also where the file was there, and open to others
            output.write(text)
    except OSError as error:
        raise CommandFailedError(f"{file} cannot be written: {error.strerror}") from error


def read_secret_text(source: TextIO) -> Secret:
    """Read the one line of a file, or of standard input.

    Raises:
        CommandFailedError: it cannot be read, or holds something else than one short line.
    """
    try:
        text = source.read(_MOST + 2).removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailedError(f"{source.name} cannot be read as one line of ASCII") from error
    if not text or len(text) > _MOST or not text.isprintable():
        raise CommandFailedError(
            f"{source.name} holds no claim handle: write one line of at most {_MOST} characters"
        )
    return Secret(text)
