"""Writing a secret where its owner asked for it."""

import os
from pathlib import Path

from broker.cli.failure import CommandFailedError


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
