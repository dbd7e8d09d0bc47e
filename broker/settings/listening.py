"""Where the broker listens, and what keeps that safe."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from broker.settings.fault import Fault
from broker.settings.ranges import Port

DEFAULT_ADDRESS: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8700


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's certificate chain and its key, both PEM."""

    cert_file: Path
    key_file: Path
    client_certificates: bool = False
    """Ask clients for X.509-SVIDs of the declared trust domains; TLS 1.3 only. Default false."""


class Listen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way in: an address and port, or a unix socket."""

    address: str = DEFAULT_ADDRESS
    """An IP address, not a name: a name may come to mean something else. Default 127.0.0.1."""
    port: Port = DEFAULT_PORT
    """Default 8700."""
    unix: Path | None = None
    """A unix socket instead of address and port. Default none."""
    tls: TlsFiles | None = None
    """Default none, which is accepted only where nobody can listen in, or behind a proxy."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of proxies that end TLS in front of the broker. Default none."""
    reuse_port: bool = False
    """Let several broker processes share the port (SO_REUSEPORT). Default false."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        yield from self._proxy_faults()
        if self.unix is not None:
            yield from self._unix_faults()
        elif (address := _address(self.address)) is None:
            yield Fault(("address",), "not an IP address", "write one, such as 127.0.0.1")
        elif not address.is_loopback and self.tls is None and not self.trusted_proxies:
            yield Fault(
                ("address",),
                "tokens would cross the network in the clear",
                "state `tls`, or `trusted_proxies` that end TLS, or listen on 127.0.0.1",
            )

    def _unix_faults(self) -> Iterator[Fault]:
        if (self.address, self.port) != (DEFAULT_ADDRESS, DEFAULT_PORT):
            yield Fault(("unix",), "both a unix socket and an address", "keep one of them")
        if self.reuse_port:
            yield Fault(("reuse_port",), "a unix socket has no port to share", "remove it")

    def _proxy_faults(self) -> Iterator[Fault]:
        for index, text in enumerate(self.trusted_proxies):
            network = _network(text)
            if network is None:
                yield Fault(("trusted_proxies", index), "not a network", "write 10.1.2.0/24")
            elif network.prefixlen == 0:
                yield Fault(("trusted_proxies", index), "trusts everybody", "name the proxies")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None
