"""How many places one peer, and all of them together, hold.

A place is a connection; behind a trusted proxy, whose connections carry many clients, it is a
request in flight, counted for the client that the proxy names. Callers of the same IPv6 /64 are
one peer: whoever has one address of it has them all.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

from broker.http.limits import Limits

LOCAL: Final = ""
"""The address of a caller on a unix socket, who is bounded by the total only."""

_IPV6_SITE: Final = 64


class Admission:
    """Counts places. One object serves all listeners of a process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._proxies = tuple(ipaddress.ip_network(each) for each in limits.trusted_proxies)
        self._connections = 0
        self._held: dict[str, int] = {}

    def admit(self, address: str) -> bool:
        """Take a place for a new connection; False when there is none."""
        if self._connections >= self._limits.max_connections:
            return False
        if self._is_counted(address) and not self.take(address):
            return False
        self._connections += 1
        return True

    def leave(self, address: str) -> None:
        """Give back the place of a connection that was admitted."""
        self._connections -= 1
        if self._is_counted(address):
            self.give_back(address)

    def take(self, address: str) -> bool:
        """Take one of a peer's places; False when it holds all that one may."""
        peer = _peer(address)
        held = self._held.get(peer, 0)
        if held >= self._limits.max_connections_per_peer:
            return False
        self._held[peer] = held + 1
        return True

    def give_back(self, address: str) -> None:
        """Give back one of a peer's places. A peer without places is forgotten."""
        peer = _peer(address)
        held = self._held.pop(peer, 0)
        if held > 1:
            self._held[peer] = held - 1

    def trusts(self, address: str) -> bool:
        """Tell whether this address is a proxy whose ``X-Forwarded-For`` is believed."""
        if not self._proxies:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)

    def client_behind(self, proxy: str, forwarded_for: Iterable[str]) -> str:
        """Return the client that a trusted proxy speaks for.

        The list is read from its right end, the only one that our own proxies wrote: the first
        address that is none of them is the client. Garbage there counts against the proxy.
        """
        hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
        for hop in reversed(hops):
            if not self.trusts(hop):
                return hop if _is_address(hop) else proxy
        return proxy

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._connections

    def _is_counted(self, address: str) -> bool:
        return address != LOCAL and not self.trusts(address)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _peer(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    site = int(parsed) >> (128 - _IPV6_SITE)
    return f"{site:x}::/{_IPV6_SITE}"
