"""Files exchanged all together, or none of them, with nothing lost of what somebody else wrote."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from broker.errors import ConfigurationError
from broker.scanning.changing import Change


def exchange(found: Sequence[Change]) -> None:
    """Write every file, or none.

    Raises:
        ConfigurationError: one has changed meanwhile, or cannot be written; all are as they were.
    """
    done: list[Change] = []
    try:
        for each in found:
            _require_unchanged(each)
        for each in found:
            _require_unchanged(each)
            write_whole(each.file, each.after)
            done.append(each)
    except BaseException as error:
        for each in reversed(done):
            _undo(each)
        if isinstance(error, OSError):
            raise ConfigurationError(f"nothing was written: {error.strerror}") from error
        raise


def _require_unchanged(change: Change) -> None:
    try:
        now: bytes | None = change.file.read_bytes()
    except FileNotFoundError:
        now = None
    if now != change.before:
        raise ConfigurationError(f"{change.file} has changed meanwhile: nothing was written")


def _undo(change: Change) -> None:
    with suppress(OSError):
        if change.before is None:
            change.file.unlink()
        else:
            write_whole(change.file, change.before)


def write_whole(file: Path, content: bytes) -> None:
    """Exchange a file at once, whatever dies when; its mode and owner stay, and a link to it.

    Raises:
        OSError: it cannot be written.
    """
    real = Path(os.path.realpath(file))
    descriptor, made = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    name = Path(made)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        _look_like(real, name)
        name.replace(real)
    except BaseException:
        with suppress(OSError):
            name.unlink()
        raise


def _look_like(real: Path, name: Path) -> None:
    try:
        status = real.stat()
    except FileNotFoundError:
        name.chmod(0o644)
        return
    name.chmod(status.st_mode & 0o7777)
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):
            os.chown(name, status.st_uid, status.st_gid)
