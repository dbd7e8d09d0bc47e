"""The bounds of the HTTP edge. ``broker.settings`` reads, checks and documents their sources."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one caller, and all of them together, may take of the broker.

    ``header_seconds`` bounds one whole request head, however slowly it drips in; ``body_seconds``
    one body; ``write_seconds`` how long a client may leave its answers unread; ``idle_seconds`` an
    idle keep-alive connection; ``drain_seconds`` what requests in flight get at shutdown.
    ``max_ttl_seconds`` bounds every lifetime that a caller may write, before policy narrows it;
    ``default_idle_seconds`` stands where a task does not say how long it may be silent.
    ``max_waiters`` bounds the long polls at one time, ``max_waiters_per_caller`` those of one.
    ``trusted_proxies`` are the networks whose ``X-Forwarded-For`` is believed.
    """

    header_seconds: float = 5.0
    body_seconds: float = 10.0
    write_seconds: float = 20.0
    idle_seconds: float = 30.0
    drain_seconds: float = 10.0
    max_connections: int = 1_024
    max_connections_per_peer: int = 64
    max_head_bytes: int = 32 * 1024
    max_body_bytes: int = 64 * 1024
    max_waiters: int = 128
    max_waiters_per_caller: int = 8
    max_ttl_seconds: int = 28_800
    default_idle_seconds: int = 300
    trusted_proxies: tuple[str, ...] = ()
    log_requests: bool = False
