"""Listening sockets: TCP, TLS, unix. Each fault at start-up names the fix."""

import errno
import os
import socket
import ssl
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from broker.errors import ConfigurationError

_OWNER_ONLY: Final = 0o600
_PROBE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """Where to listen on the network.

    Port 0 lets the machine choose. ``reuse_port`` lets several workers share one port.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    reuse_port: bool = False


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """Where to listen on this machine, for the owner of the process alone (mode 0600)."""

    path: Path


Endpoint = TcpEndpoint | UnixEndpoint


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Build a server's TLS context: TLS 1.2 or newer, HTTP/1.1 only.

    Raises:
        ConfigurationError: the files cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"cannot use the TLS certificate {certificate} with the key {key}: {error.strerror}; "
            "give a PEM chain and its unencrypted key, readable by this process"
        ) from error
    return context


def open_tcp(endpoint: TcpEndpoint, *, unread_ms: int) -> list[socket.socket]:
    """Take every address that the host name stands for; listening is left to the loop.

    ``unread_ms`` bounds how long the kernel keeps an answer that nobody fetches.

    Raises:
        ConfigurationError: an address cannot be had.
    """
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        found = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise ConfigurationError(f"cannot resolve {where}: {error.strerror}") from error
    try:
        with ExitStack() as undo:
            addresses = dict.fromkeys((each[0], each[4]) for each in found)
            opened = [undo.enter_context(socket.socket(family)) for family, _ in addresses]
            for each, (_, address) in zip(opened, addresses, strict=True):
                _bind(each, address, endpoint, unread_ms)
            undo.pop_all()
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {where}: {error.strerror}; free the port or choose another"
        ) from error
    return opened


def open_unix(endpoint: UnixEndpoint) -> socket.socket:
    """Take a unix socket. A socket file that a dead process left is replaced.

    Raises:
        ConfigurationError: the path is in use, is something else, or cannot be written.
    """
    path = endpoint.path
    try:
        with ExitStack() as undo:
            opened = undo.enter_context(socket.socket(socket.AF_UNIX))
            _make_way(path)
            opened.bind(str(path))
            path.chmod(_OWNER_ONLY)  # nobody can connect yet: only listening lets them
            undo.pop_all()
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {path}: {error.strerror}; give a path in a directory that exists "
            "and that this process may write"
        ) from error
    return opened


def _bind(
    opened: socket.socket, address: tuple[Any, ...], endpoint: TcpEndpoint, unread_ms: int
) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if endpoint.reuse_port:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread_ms)
    opened.bind(address)


def _make_way(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigurationError(f"{path} exists and is no socket; choose another path")
    if _is_served(path):
        raise ConfigurationError(f"another process listens on {path}; stop it, or choose another")
    path.unlink()


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            return error.errno != errno.ECONNREFUSED
    return True
