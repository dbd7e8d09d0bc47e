"""Files that only we may read: refused when anybody else could, written so that nobody ever can.

Every refusal names the path and the command that mends it.
"""

import errno
import os
import secrets
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from broker.errors import ConfigurationError

MAX_BYTES: Final = 64 * 1024
_OTHERS: Final = 0o077
# NONBLOCK: a pipe in place of the file must not stop the start.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def check_directory(path: Path) -> None:
    """Check that a directory is a real one, ours and closed to others.

    Raises:
        ConfigurationError: it is not, or it cannot be looked at.
    """
    descriptor = _open(path, _READ)
    try:
        _check(path, os.fstat(descriptor), stat.S_ISDIR, mode="700")
    finally:
        os.close(descriptor)


def read_private(path: Path) -> bytes:
    """Read a file that is a real one, ours and closed to others.

    Raises:
        ConfigurationError: it is not, it cannot be read, or it is too long.
    """
    with os.fdopen(_open(path, _READ), "rb") as file:
        _check(path, os.fstat(file.fileno()), stat.S_ISREG, mode="600")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigurationError(
            f"{path}: longer than {MAX_BYTES} bytes: not the file it should be"
        )
    return data


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600, whole or not at all, and on disk when this returns.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, _CREATE, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ConfigurationError(
                f"{path}: a symbolic link: put the file itself there"
            ) from error
        raise ConfigurationError(f"{path}: cannot be opened: {error.strerror}") from error


def _check(
    path: Path, found: os.stat_result, is_right_type: Callable[[int], bool], *, mode: str
) -> None:
    if not is_right_type(found.st_mode):
        raise ConfigurationError(f"{path}: not the kind of file it should be")
    quoted = shlex.quote(str(path))
    if found.st_uid != os.geteuid():
        raise ConfigurationError(
            f"{path}: belongs to user {found.st_uid}: run chown {os.geteuid()} {quoted}"
        )
    if found.st_mode & _OTHERS:
        raise ConfigurationError(
            f"{path}: open to group or others (mode {stat.S_IMODE(found.st_mode):03o}): "
            f"run chmod {mode} {quoted}"
        )


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
