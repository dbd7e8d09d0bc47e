"""Can nobody but the broker's user stand in for the panic socket?

Whoever may write its folder may put a socket of his own there, and the orders of an emergency would
go to him. So the folder is the broker's alone: mode 0700.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from broker.findings import Line

_CHECK: Final = "panic"
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SOCKET_MODE: Final = 0o600
_MOST_BYTES: Final = 107
"""What the kernel takes as the path of a socket, without the zero at its end (unix(7))."""


def examine(socket: Path | None) -> list[Line]:
    """Look at the panic socket and its folder; nothing is opened."""
    if socket is None:
        return [Line(_CHECK, "ok", "no panic socket is asked for")]
    found = [*_judge(socket)]
    return found or [Line(_CHECK, "ok", "only the broker's user may reach it", "", str(socket))]


def _judge(socket: Path) -> Iterator[Line]:
    if len(os.fsencode(socket)) > _MOST_BYTES:
        what = f"the path is longer than {_MOST_BYTES} bytes"
        yield Line(_CHECK, "fail", what, "choose a shorter one", str(socket))
    folder = socket.parent
    try:
        seen = folder.stat()
    except OSError as error:
        remedy = "make it, owned by the broker's user, mode 0700"
        yield Line(
            _CHECK, "fail", f"the folder cannot be seen: {error.strerror}", remedy, str(folder)
        )
        return
    if not stat.S_ISDIR(seen.st_mode):
        yield Line(_CHECK, "fail", "is no folder", "name a path in a folder", str(folder))
        return
    there = _lstat(socket)
    yield from _judge_folder(folder, seen, os.geteuid() if there is None else there.st_uid)
    if there is not None:
        yield from _judge_socket(socket, there.st_mode)


def _judge_folder(folder: Path, seen: os.stat_result, owner: int) -> Iterator[Line]:
    where, mode = str(folder), stat.S_IMODE(seen.st_mode)
    if seen.st_uid != owner:
        what = f"the folder belongs to {_name(seen.st_uid)}, not to {_name(owner)}"
        yield Line(_CHECK, "fail", what, f"chown {_name(owner)} {folder}", where)
    if mode & _WRITABLE_BY_OTHERS:
        what = f"the folder has mode {mode:04o}: others could put a socket of their own there"
        yield Line(_CHECK, "fail", what, f"chmod 0700 {folder}", where)
    elif mode & _OPEN_TO_OTHERS:
        what = f"the folder has mode {mode:04o}: others may look into it"
        yield Line(_CHECK, "warn", what, f"chmod 0700 {folder}", where)


def _judge_socket(socket: Path, mode: int) -> Iterator[Line]:
    if not stat.S_ISSOCK(mode):
        remedy = "remove it, or choose another path"
        yield Line(_CHECK, "fail", "something else than a socket is there", remedy, str(socket))
    elif stat.S_IMODE(mode) != _SOCKET_MODE:
        what = f"the socket has mode {stat.S_IMODE(mode):04o}, not 0600"
        yield Line(_CHECK, "fail", what, "restart the broker, which makes it anew", str(socket))


def _lstat(path: Path) -> os.stat_result | None:
    """See what is at the path; None when there is nothing, or nothing that may be seen."""
    try:
        return path.lstat()
    except OSError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
