"""From settings to a link."""

import ssl
from functools import partial
from pathlib import Path
from typing import Any, Final

from redis.asyncio import RedisCluster
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection

from broker.errors import ConfigurationError
from broker.secret import Secret
from broker.settings.store import StoreSettings
from broker.settings.store_url import parse_store_url
from broker.store.client_link import ClientLink
from broker.store.dialing import Dial
from broker.store.link import Link
from broker.store.mux_link import MuxLink
from broker.store.servers import client_options

NO_QUESTION: Final = ""
"""Without a password, OpenSSL would ask for that of an encrypted key on the terminal."""


async def connect(settings: StoreSettings) -> Link:
    """Build the link that suits the settings, and make a first attempt to reach the server.

    An unreachable server is not an error here: the link goes on trying, and says so to its callers.

    Raises:
        ConfigurationError: a file that the settings name cannot be used.
    """
    if settings.cluster:
        return ClientLink(cluster_client(settings), deadline_ms=settings.deadline_ms)
    link = MuxLink(dialler(settings), deadline_ms=settings.deadline_ms)
    await link.open()
    return link


def dialler(settings: StoreSettings) -> Dial:
    """Prepare connections to the single server that the settings name.

    Raises:
        ConfigurationError: a file that the settings name cannot be used.
    """
    url = parse_store_url(settings.url)
    options = {**_connection_options(settings), "db": url.db}
    if url.path:
        return partial(UnixDomainSocketConnection, path=url.path, **options)
    options |= {"host": url.host, "port": url.port}
    if url.is_tls:
        return partial(_TrustingConnection, trust=_trust(settings), **options)
    return partial(Connection, **options)


def cluster_client(settings: StoreSettings) -> RedisCluster:
    """Build a client for the cluster of which the settings name one node.

    Raises:
        ConfigurationError: a file that the settings name cannot be used.
    """
    url = parse_store_url(settings.url)
    options = client_options(settings.deadline_ms) | _login(settings)
    # A slot that nobody serves must not keep us from the others.
    client = RedisCluster(host=url.host, port=url.port, require_full_coverage=False, **options)
    if url.is_tls:
        _secure(client, _trust(settings))
    return client


class _TrustingConnection(SSLConnection):
    """redis-py would trust the system's authorities besides ours; this one has its own context."""

    def __init__(self, *, trust: ssl.SSLContext, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(**options)
        self.ssl_context.context = trust


def _secure(client: RedisCluster, trust: ssl.SSLContext) -> None:
    """Give every node, known or yet to be found, our own kind of TLS connection."""
    client.connection_kwargs |= {"connection_class": _TrustingConnection, "trust": trust}
    for node in client.nodes_manager.startup_nodes.values():
        node.connection_class = _TrustingConnection
        node.connection_kwargs["trust"] = trust


def _connection_options(settings: StoreSettings) -> dict[str, Any]:
    options = client_options(settings.deadline_ms) | _login(settings)
    del options["max_connections"]  # of a pool
    return options


def _login(settings: StoreSettings) -> dict[str, str]:
    if not settings.password_file:
        return {}
    password = _read_password(settings.password_file)
    return {"username": settings.username, "password": password.reveal()}


def _read_password(path: str) -> Secret:
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"store.password_file: {path} cannot be read: {error}") from error
    if not lines or not lines[0]:
        raise ConfigurationError(f"store.password_file: {path} is empty; its first line counts")
    return Secret(lines[0])


def _trust(settings: StoreSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        raise ConfigurationError(f"store.ca_file: {settings.ca_file}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=NO_QUESTION)
    except OSError as error:
        names = f"{settings.cert_file}, {settings.key_file}"
        raise ConfigurationError(f"store.cert_file, store.key_file: {names}: {error}") from error
    return context
