"""Replacing a file's text whole or not at all."""

import os
import secrets
from pathlib import Path
from typing import Final

from broker.cli.failure import CommandFailedError

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def replace_text(path: Path, text: str) -> None:
    """Put other text into a file that is there; its mode stays, and a link stays a link.

    Whoever reads meanwhile, or whatever dies meanwhile, sees the old text or the new one.

    Raises:
        CommandFailedError: it cannot be written.
    """
    try:
        _replace(path.resolve(strict=True), text.encode())
    except OSError as error:
        raise CommandFailedError(f"{path} cannot be written: {error.strerror}") from error


def _replace(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode & 0o7777
    # A name with a dot at its beginning is never read as policy.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, _CREATE, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
