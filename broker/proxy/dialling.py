"""Connections to servers: the address that is dialled is the one that was looked at.

A name is resolved once, here; each of its addresses is judged, and TLS is checked for the name. So
a declared name that suddenly points into this machine or at a metadata service leads nowhere.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from typing import Final, Protocol

from broker.proxy.authority import Authority
from broker.proxy.limits import Limits
from broker.proxy.problem import GoneError, RefusedError
from broker.proxy.wire import Wire

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_ADDRESSES: Final = 16
_TRIES: Final = 4
_TRANSLATED: Final = tuple(
    map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96"))
)
"""IPv4 in the last four bytes: NAT64 (RFC 6052, RFC 8215), compatible and translated addresses."""
_SITE_LOCAL: Final = ipaddress.ip_network("fec0::/10")
"""Private networks of old (RFC 3879), which Python takes for global."""
_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("fd00:ec2::254", "fd00:ec2::23"),  # AWS: instances, pods of EKS
            "fd20:ce::254",  # Google Cloud
            "168.63.129.16",  # Azure, a public address that leads to the host
            "100.100.100.200",  # Alibaba Cloud
            "192.0.0.192",  # Oracle Cloud
        ),
    )
)
"""Metadata services that are not at link-local addresses."""


class Resolver(Protocol):
    """Turns names into addresses."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the addresses of a host, the preferred one first; none when there are none."""
        ...


class SystemResolver:
    """As this machine resolves names."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Ask the system."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return ()
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def may_reach(text: str, *, local: bool) -> bool:
    """Tell whether an address may be dialled: public ones, and only if told so, local ones.

    Link-local addresses and metadata services never are: what answers there hands out credentials.
    """
    try:
        address = _innermost(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address in _METADATA:
        return False
    return local or (address.is_global and address not in _SITE_LOCAL)


def _innermost(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    teredo = address.teredo[1] if address.teredo else None
    inner = address.ipv4_mapped or address.sixtofour or teredo
    if inner is None and int(address) > 1 and any(address in net for net in _TRANSLATED):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


class Dialler:
    """Opens connections to servers, within bounds."""

    def __init__(self, limits: Limits, resolver: Resolver, upstream_ca: str | None = None) -> None:
        """Fix whom to believe.

        Args:
            limits: how long it may take, and how long a head may be.
            resolver: how names are resolved.
            upstream_ca: a file of authorities to trust in the place of the system's.
        """
        self._limits = limits
        self._resolver = resolver
        self._tls = _trusting(upstream_ca, "http/1.1")
        self._upstream_ca = upstream_ca
        self._later: dict[bool, ssl.SSLContext] = {}

    async def dial(self, authority: Authority, *, secure: bool, local: bool) -> Wire:
        """Connect to a server, over TLS if ``secure``.

        Raises:
            RefusedError: its name leads nowhere, or where it must not; it cannot be reached; it is
                not the one it is asked for as.
        """
        try:
            async with asyncio.timeout(self._limits.dial_seconds):
                addresses = await self._addresses(authority, local=local)
                return await self._first(addresses, authority, secure=secure)
        except TimeoutError:
            raise RefusedError(504, "unreachable", "the server does not answer in time") from None

    async def _addresses(self, authority: Authority, *, local: bool) -> Sequence[str]:
        found = [authority.host] if authority.is_address else None
        addresses = found or await self._resolver.resolve(authority.host)
        if not addresses:
            raise RefusedError(502, "unresolved", "the name of the server cannot be resolved")
        if not all(may_reach(address, local=local) for address in addresses[:_MOST_ADDRESSES]):
            raise RefusedError(
                403, "forbidden-address", "the name of the server leads to an address it may not"
            )
        return addresses[:_TRIES]

    async def _first(self, addresses: Sequence[str], to: Authority, *, secure: bool) -> Wire:
        for address in addresses:
            try:
                return await self._connect(address, to, secure=secure)
            except ssl.SSLError:
                raise untrusted() from None
            except OSError:
                continue
        raise RefusedError(502, "unreachable", "the server cannot be reached")

    async def _connect(self, address: str, to: Authority, *, secure: bool) -> Wire:
        reader, writer = await asyncio.open_connection(
            address,
            to.port,
            limit=self._limits.head_bytes,
            ssl=self._tls if secure else None,
            server_hostname=to.host if secure else None,
        )
        return Wire(reader, writer)

    async def encrypt(self, wire: Wire, to: Authority, *, names: bool) -> Wire:
        """Go on over TLS with a server that has just agreed to it (PostgreSQL's way).

        Args:
            wire: the connection; what was sent on it in the clear meanwhile is dropped.
            to: which server it is.
            names: check its name; without, its authority alone is checked, if it is our own.

        Raises:
            RefusedError: it is not the one it is asked for as.
        """
        context = self._agreed_later(names=names)
        try:
            return await _over_tls(wire, context, self._limits, server_hostname=to.host)
        except (OSError, EOFError):
            raise untrusted() from None

    def _agreed_later(self, *, names: bool) -> ssl.SSLContext:
        # The system's authorities certify anybody: then the name is all there is to check.
        checks = names or self._upstream_ca is None
        if checks not in self._later:
            self._later[checks] = _trusting(self._upstream_ca, "postgresql")
            self._later[checks].check_hostname = checks
        return self._later[checks]


def _trusting(authorities: str | None, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    return context


def untrusted() -> RefusedError:
    """Refuse a server that is not known to be the one that is meant."""
    return RefusedError(502, "untrusted-server", "the server's certificate or TLS is not accepted")


class _InTls(asyncio.StreamReaderProtocol):
    """Half a connection of TLS cannot be kept open; asyncio complains of whoever wants to."""

    def eof_received(self) -> bool:
        """Tell the reader, and let the transport close."""
        super().eof_received()
        return False


async def accept_tls(wire: Wire, context: ssl.SSLContext, limits: Limits) -> Wire:
    """Shake hands with a child as the server that it asked for.

    Raises:
        GoneError: it does not trust the certificate, asks for another name or is too slow.
    """
    try:
        return await _over_tls(wire, context, limits)
    except (OSError, EOFError) as error:
        wire.abort()
        raise GoneError(type(error).__name__) from error


async def _over_tls(
    wire: Wire, context: ssl.SSLContext, limits: Limits, server_hostname: str | None = None
) -> Wire:
    """Shake hands as a client if there is a name to ask for, else as a server.

    A new reader: what came in the clear before can never be taken for something encrypted.

    Raises:
        OSError, EOFError: it does not come about.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limits.head_bytes)
    protocol = _InTls(reader)
    transport = await loop.start_tls(
        wire.writer.transport,
        protocol,
        context,
        server_side=server_hostname is None,
        server_hostname=server_hostname,
        ssl_handshake_timeout=limits.dial_seconds,
        ssl_shutdown_timeout=2,
    )
    if transport is None:
        raise EOFError("closed during the handshake")
    protocol.connection_made(transport)
    return Wire(reader, asyncio.StreamWriter(transport, protocol, reader, loop), beneath=wire)
