"""A token source that asks the SPIFFE Workload API: the workload holds no secret of its own.

::

    client = BrokerClient(url, workload_api_token("jit-broker"), session)

The Workload API (the SPIRE agent's socket) attests the process that asks and answers a JWT-SVID
made out to the broker. It is asked before every request, as it keeps the SVID that is good now;
nothing is kept here. Needs the optional package ``spiffe``: ``pip install 'jit-broker[spiffe]'``.
"""

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Final

from broker.client.endpoint import TokenSource
from broker.client.errors import SpiffeNotInstalledError, WorkloadApiError

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
    where = socket or os.environ.get(SOCKET_VARIABLE, "")
    if not where:
        raise WorkloadApiError(f"no socket is given, and {SOCKET_VARIABLE} is not set")
    address = f"unix://{where}" if where.startswith("/") else where
    fetch = partial(_fetch, address, audience, _spiffe_id(subject), timeout_seconds)

    async def ask() -> str:
        return await asyncio.to_thread(fetch)

    return ask


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


def _fault(error: Exception) -> str:
    """Name what is wrong by gRPC's status, never by the text that the server sent with it."""
    code = getattr(error.__cause__, "code", None)
    if callable(code):
        return f"it answered {code().name}"
    return f"no usable answer ({type(error).__name__})"
