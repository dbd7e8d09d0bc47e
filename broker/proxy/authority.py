"""Servers as requests name them: spelt in one way or refused."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from broker.proxy.problem import malformed
from broker.reach.hosts import DEFAULT_PORTS, HIGHEST_PORT, is_host

_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Authority:
    """A host in its one spelling, and a port."""

    host: str
    port: int
    is_address: bool = False

    def header(self, scheme: str) -> str:
        """Write it as ``Host`` says it: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if DEFAULT_PORTS.get(scheme) == self.port else f"{host}:{self.port}"


def parse_authority(text: str, default_port: int | None) -> Authority:
    """Read ``host`` or ``host:port``.

    Raises:
        RefusedError: it is spelt in any but the plain way, or has no port where one is needed.
    """
    host, port = _split(text)
    return _named(host.lower(), _port(port, default_port))


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise malformed("the address is malformed")
        return f"[{host}]", rest[1:] if rest else None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _port(text: str | None, default: int | None) -> int:
    if text is None and default is not None:
        return default
    if text is None or _PORT.fullmatch(text) is None or int(text) > HIGHEST_PORT:
        raise malformed("the port is missing or is not a number")
    return int(text)


def _named(host: str, port: int) -> Authority:
    if is_host(host):
        return Authority(host, port)
    bare = host[1:-1] if host.startswith("[") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise malformed("the host is not spelt in the plain way") from None
    is_bracketed = host.startswith("[")
    is_plain = str(address) == bare and "%" not in bare  # a zone is of one machine
    if not is_plain or is_bracketed != (address.version == 6):  # noqa: PLR2004  IPv6
        raise malformed("the address is not spelt in the plain way")
    return Authority(bare, port, is_address=True)
