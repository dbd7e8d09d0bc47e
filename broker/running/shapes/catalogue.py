"""Which shapes there are, how they are written, and which one a kind has unless another is asked.

``env``, ``env:PREFIX``, ``aws``, ``pgpass``, ``header``, ``header=FILE``, ``netrc=HOST``,
``kubeconfig=SERVER`` and ``kubeconfig=SERVER,FILE`` (the file of the authority).
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from broker.client.secret_forms import AWS
from broker.running.shapes.aws import Aws
from broker.running.shapes.env import Env
from broker.running.shapes.header import Header
from broker.running.shapes.kubeconfig import Kubeconfig
from broker.running.shapes.netrc import Netrc
from broker.running.shapes.pgpass import PgPass
from broker.running.shapes.shape import Shape

_PREFIX: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", re.ASCII)
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})

WORDS: Final = ("env", "aws", "pgpass", "header", "netrc", "kubeconfig")
"""What a shape's text begins with."""

_BY_KIND: Final[Mapping[str, Shape]] = MappingProxyType(
    {AWS: Aws(), "postgres": PgPass(), "jwt": Header()}
)


def usual_shape(kind: str) -> Shape:
    """Return the shape of a kind; of one that no tool is known for, variables."""
    return _BY_KIND.get(kind, Env())


def parse_shape(text: str, folder: Path = Path()) -> Shape:
    """Read a shape; the path of a file in it is taken from that folder.

    Raises:
        ValueError: it is none; the text says how it is written.
    """
    word, mark, rest = text.partition(":" if text.startswith("env") else "=")
    read = _READERS.get(word)
    if read is None or (mark and not rest):
        raise ValueError(f"{text!r} is no shape; write one of {', '.join(_WRITTEN)}")
    return read(rest, folder)


def _env(prefix: str, _: Path) -> Shape:
    if prefix and _PREFIX.fullmatch(prefix) is None:
        raise ValueError(f"env:{prefix} names no variables; write for example env:ORDERS_")
    return Env(prefix)


def _header(file: str, _: Path) -> Shape:
    if file and _FILE.fullmatch(file) is None:
        raise ValueError(f"header={file}: name a file within the run's folder, without a path")
    return Header(file)


def _netrc(host: str, _: Path) -> Shape:
    if _HOST.fullmatch(host) is None:
        raise ValueError("netrc wants the host that it is for: netrc=git.example")
    return Netrc(host)


def _kubeconfig(text: str, folder: Path) -> Shape:
    server, _, ca_file = text.partition(",")
    parts = urlsplit(server)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    if not is_safe or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("kubeconfig wants the server's URL: kubeconfig=https://cluster.example")
    authority = folder / ca_file
    if ca_file and not authority.is_file():
        raise ValueError(f"kubeconfig: {ca_file} is no file; name that of the server's authority")
    return Kubeconfig(server, str(authority.resolve()) if ca_file else "")


def _plain(shape: Shape, word: str) -> Callable[[str, Path], Shape]:
    def read(rest: str, _: Path) -> Shape:
        if rest:
            raise ValueError(f"{word} has nothing behind it: write {word} alone")
        return shape

    return read


_READERS: Final[Mapping[str, Callable[[str, Path], Shape]]] = {
    "env": _env,
    "aws": _plain(Aws(), "aws"),
    "pgpass": _plain(PgPass(), "pgpass"),
    "header": _header,
    "netrc": _netrc,
    "kubeconfig": _kubeconfig,
}
_WRITTEN: Final = (
    *("env", "env:PREFIX", "aws", "pgpass", "header", "header=FILE", "netrc=HOST"),
    "kubeconfig=SERVER",
)
