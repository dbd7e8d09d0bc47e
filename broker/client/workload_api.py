"""Sources that ask the SPIFFE Workload API: the workload holds no secret of its own.

::

    client = BrokerClient(url, workload_api_token("jit-broker"), session)
    client = BrokerClient(url, None, session, tls=Tls(certificate=workload_api_certificate()))

The Workload API (the SPIRE agent's socket) attests the process that asks and answers a JWT-SVID
made out to the broker, or an X.509-SVID with its key. It is asked before every request, as it keeps
the SVID that is good now; nothing is kept here. Needs the optional package ``spiffe``:
``pip install 'jit-broker[spiffe]'``.
"""

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broker.client.certificate_errors import WorkloadApiCertificateError
from broker.client.endpoint import TokenSource
from broker.client.errors import SpiffeNotInstalledError, WorkloadApiError
from broker.client.key_pair import CertificateSource, KeyPair
from broker.secret import Secret

if TYPE_CHECKING:
    from spiffe import SpiffeId

SOCKET_VARIABLE: Final = "SPIFFE_ENDPOINT_SOCKET"
"""Where every workload finds the socket (SPIFFE Workload Endpoint §4)."""

TIMEOUT_SECONDS: Final = 5.0
"""How long one answer may take: the agent beside us has the SVID at hand."""


def workload_api_token(
    audience: str,
    socket: str | None = None,
    *,
    subject: str = "",
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> TokenSource:
    """Return a source of JWT-SVIDs for one audience, from the Workload API.

    Args:
        audience: the broker's, as the trust domain is declared there.
        socket: ``unix:///run/spire/agent.sock``, or the path alone; by default what
            ``SPIFFE_ENDPOINT_SOCKET`` says.
        subject: the SPIFFE ID to show, where this workload has several; by default the first.
        timeout_seconds: how long one answer may take.

    The source raises :class:`WorkloadApiError` when there is no answer, or none for this workload.

    Raises:
        SpiffeNotInstalledError: the package ``spiffe`` is not installed.
        WorkloadApiError: nothing says where the socket is.
        ValueError: the audience is empty, the subject no SPIFFE ID, or the time not positive.
    """
    if not audience or timeout_seconds <= 0:
        raise ValueError("audience must be given, and timeout_seconds be positive")
    fetch = partial(_fetch, _address(socket), audience, _spiffe_id(subject), timeout_seconds)

    async def ask() -> str:
        return await asyncio.to_thread(fetch)

    return ask


def workload_api_certificate(
    socket: str | None = None, *, subject: str = "", timeout_seconds: float = TIMEOUT_SECONDS
) -> CertificateSource:
    """Return a source of X.509-SVIDs from the Workload API, for :class:`broker.client.Tls`.

    Args:
        socket: as for :func:`workload_api_token`.
        subject: the SPIFFE ID to show, where this workload has several; by default the first.
        timeout_seconds: how long one answer may take.

    The source raises :class:`WorkloadApiCertificateError` when there is no answer, or none for this
    workload.

    Raises:
        SpiffeNotInstalledError: the package ``spiffe`` is not installed.
        WorkloadApiError: nothing says where the socket is.
        ValueError: the subject is no SPIFFE ID, or the time not positive.
    """
    if timeout_seconds <= 0:
        raise ValueError("timeout_seconds must be positive")
    fetch = partial(_fetch_certificate, _address(socket), _spiffe_id(subject), timeout_seconds)

    async def ask() -> KeyPair:
        return await asyncio.to_thread(fetch)

    return ask


def _address(socket: str | None) -> str:
    where = socket or os.environ.get(SOCKET_VARIABLE, "")
    if not where:
        raise WorkloadApiError(f"no socket is given, and {SOCKET_VARIABLE} is not set")
    return f"unix://{where}" if where.startswith("/") else where


def _spiffe_id(text: str) -> "SpiffeId | None":
    try:
        from spiffe import SpiffeId  # noqa: PLC0415  optional, and heavy: only who asks loads it
        from spiffe.errors import PySpiffeError  # noqa: PLC0415
    except ImportError:
        raise SpiffeNotInstalledError("the package spiffe is not installed") from None
    try:
        return SpiffeId(text) if text else None
    except PySpiffeError:
        raise ValueError("subject is a SPIFFE ID: spiffe://domain/path") from None


def _fetch(address: str, audience: str, subject: "SpiffeId | None", timeout_seconds: float) -> str:
    """Ask once, in a thread: the library waits. A channel of its own finds a restarted server."""
    from spiffe import WorkloadApiClient  # noqa: PLC0415
    from spiffe.errors import PySpiffeError  # noqa: PLC0415

    try:
        with WorkloadApiClient(address) as api:
            svid = api.fetch_jwt_svid({audience}, subject=subject, timeout=timeout_seconds)
    except PySpiffeError as error:
        raise WorkloadApiError(f"the Workload API at {address}: {_fault(error)}") from None
    return svid.token


def _fetch_certificate(address: str, subject: "SpiffeId | None", timeout_seconds: float) -> KeyPair:
    """Ask once for the X.509-SVIDs, as :func:`_fetch` asks for a token."""
    from spiffe import WorkloadApiClient  # noqa: PLC0415
    from spiffe.errors import PySpiffeError  # noqa: PLC0415

    try:
        with WorkloadApiClient(address) as api:
            svids = api.fetch_x509_svids(timeout=timeout_seconds)
    except PySpiffeError as error:
        text = f"the Workload API at {address}: {_fault(error)}"
        raise WorkloadApiCertificateError(text) from None
    for svid in svids:
        if subject is None or svid.spiffe_id == subject:
            chain = b"".join(each.public_bytes(Encoding.PEM) for each in svid.cert_chain)
            key = svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            return KeyPair(chain.decode(), Secret(key.decode()))
    raise WorkloadApiCertificateError("the Workload API has no such identity for this workload")


def _fault(error: Exception) -> str:
    """Name what is wrong by gRPC's status, never by the text that the server sent with it."""
    code = getattr(error.__cause__, "code", None)
    if callable(code):
        return f"it answered {code().name}"
    return f"no usable answer ({type(error).__name__})"
