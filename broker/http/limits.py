"""The bounds of the HTTP edge, as configuration."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, fields

from broker.settings.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one caller, and all of them together, may take of the broker.

    ``header_seconds`` bounds one whole request head, however slowly it drips in; ``body_seconds``
    one body; ``write_seconds`` how long a client may leave its answers unread; ``idle_seconds`` an
    idle keep-alive connection; ``drain_seconds`` what requests in flight get at shutdown.
    ``max_ttl_seconds`` bounds every lifetime a caller may write, before policy narrows it.
    ``trusted_proxies`` are the networks whose ``X-Forwarded-For`` is believed.
    """

    header_seconds: float = 5.0
    body_seconds: float = 10.0
    write_seconds: float = 20.0
    idle_seconds: float = 30.0
    drain_seconds: float = 20.0
    max_connections: int = 2_000
    max_connections_per_peer: int = 100
    max_head_bytes: int = 32 * 1024
    max_body_bytes: int = 64 * 1024
    max_ttl_seconds: int = 7 * 86_400
    trusted_proxies: tuple[str, ...] = ()
    log_requests: bool = False

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong, with paths relative to this object."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not isinstance(value, tuple) and not isinstance(value, bool) and value <= 0:
                yield Fault((item.name,), "is not positive", "use a number above 0")
        if self.max_connections_per_peer > self.max_connections:
            yield Fault(
                ("max_connections_per_peer",),
                "is above max_connections",
                "lower it, so that one peer cannot take every place",
            )
        yield from self._proxy_faults()

    def _proxy_faults(self) -> Iterator[Fault]:
        for index, network in enumerate(self.trusted_proxies):
            try:
                ipaddress.ip_network(network)
            except ValueError:
                yield Fault(
                    ("trusted_proxies", index),
                    "is no network",
                    "write an address or a network without host bits, as 10.0.0.0/8",
                )
