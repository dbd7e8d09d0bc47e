"""From settings to what the HTTP server takes."""

import socket

from broker.http.client_trust import ClientTrust
from broker.http.limits import Limits
from broker.http.sockets import Endpoint, TcpEndpoint, UnixEndpoint, tls_context
from broker.settings.listening import Listen
from broker.settings.settings import Settings


def trust_of(listen: Listen, endpoint: Endpoint) -> ClientTrust | None:
    """Let the endpoint ask clients for certificates, if the settings say so."""
    is_asking = listen.tls is not None and listen.tls.client_certificates
    if not is_asking or not isinstance(endpoint, TcpEndpoint) or endpoint.tls is None:
        return None
    return ClientTrust(endpoint.tls)


def endpoint_of(listen: Listen) -> Endpoint:
    """Name where to listen.

    Raises:
        ConfigurationError: the TLS files cannot be used.
    """
    if listen.unix is not None:
        return UnixEndpoint(listen.unix)
    tls = tls_context(listen.tls.cert_file, listen.tls.key_file) if listen.tls else None
    return TcpEndpoint(listen.address, listen.port, tls=tls, reuse_port=listen.reuse_port)


def name_of(settings: Settings) -> str:
    """Name this broker for operators: its machine, or what its trail is called, and its door."""
    listen = settings.listen
    door = str(listen.unix) if listen.unix is not None else f"{listen.address}:{listen.port}"
    return f"{settings.audit.name or socket.gethostname()} {door}"


def http_limits(settings: Settings) -> Limits:
    """Return the bounds of the HTTP edge."""
    return Limits(
        header_seconds=settings.limits.header_seconds,
        body_seconds=settings.limits.body_seconds,
        drain_seconds=settings.drain_seconds,
        max_connections=settings.limits.connections,
        max_connections_per_peer=settings.limits.connections_per_peer,
        max_body_bytes=settings.limits.body_bytes,
        max_ttl_seconds=settings.tasks.max_ttl_seconds,
        default_idle_seconds=settings.tasks.default_idle_seconds,
        trusted_proxies=settings.listen.trusted_proxies,
    )
