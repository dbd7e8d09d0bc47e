"""Waiting until people have answered, and getting what they agreed to."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar

from broker.client import approval_api_errors, route
from broker.client.api_errors import BrokerUnavailableError
from broker.client.approval_results import AwaitedApproval
from broker.client.certificate_errors import CertificateDoubtedError
from broker.client.errors import ClientError, NotSentError, ReplyLostError
from broker.client.results import IssuedCredential
from broker.client.transport import Call, Transport, ensure_about, ensure_id, read_answer
from broker.ids import parse_approval_id, parse_lease_id

LONGEST_WAIT: Final = 30
"""Seconds that the broker lets one look take."""

SlowDownError = approval_api_errors.SlowDownError
"""Looked at too soon: see :func:`answered`, which does not."""

T = TypeVar("T")

Waiting = Callable[[AwaitedApproval], object]
"""Is told what is waited for, once, before the wait begins."""

_PENDING: Final = "pending"

_GIVING: Final = frozenset({"approved", "used"})
"""Used, too: the answer that delivered it may have been lost."""

_ONCE: Final = "redeemed"
"""What the broker calls a request without a key: all of them are one."""

_PAUSE_SECONDS: Final = 2.0
"""Between two tries while no broker answers: it may be restarted just now."""

_REFUSED: Final = {
    "denied": "people said no",
    "expired": "nobody answered, or used the answer, in time",
    "superseded": "it came to nothing",
}


class ApprovalAwaitedError(ClientError):
    """People have to agree first, and have not yet; ``approval`` says where to look.

    Ask for the same again later, or call ``client.approvals.redeem(error.approval.id)``.
    """

    remedy = "Wait for it (wait_for_approval), or ask for the same again later."

    def __init__(self, approval: AwaitedApproval) -> None:
        until = approval.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        super().__init__(f"people have to agree first: {approval.id} waits for them until {until}")
        self.approval = approval


class ApprovalRefusedError(ClientError):
    """People said no, nobody answered in time, or it was overtaken; ``approval`` has more."""

    remedy = "Ask for less, or do without; who said no can be asked why."

    def __init__(self, approval: AwaitedApproval) -> None:
        why = f" ({approval.because})" if approval.state == "superseded" else ""
        told = _REFUSED.get(approval.state, "it was not agreed to")
        super().__init__(f"{told}: {approval.id} is {approval.state}{why}")
        self.approval = approval


async def look(transport: Transport, approval: str, *, wait_seconds: int = 0) -> AwaitedApproval:
    """Look how it stands; with a wait, once that has changed or the time is up."""
    call = Call("GET", route.approval_path(approval), wait_seconds=wait_seconds)
    found = await transport.fetch(call, AwaitedApproval)
    ensure_about(approval, found.id)
    return found


async def answered(
    transport: Transport, approval: str, *, within_seconds: float
) -> AwaitedApproval:
    """Wait until it has been answered, or the time is up; return how it stands.

    A broker that is away meanwhile (restarted) is waited for as well.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + within_seconds

    async def look_once() -> AwaitedApproval:
        wait = max(0, min(LONGEST_WAIT, int(ends - loop.time())))
        return await look(transport, approval, wait_seconds=wait)

    while True:
        began = loop.time()
        found = await _patiently(look_once, ends)
        left = ends - loop.time()
        if found.state != _PENDING or left < 1:
            return found
        # Who looks sooner than he is told to has to wait ever longer.
        await asyncio.sleep(min(left, max(0, found.interval_seconds - (loop.time() - began))))


def ensure_agreed(found: AwaitedApproval) -> None:
    """Return if people have agreed.

    Raises:
        ApprovalRefusedError: it was not agreed to.
        ApprovalAwaitedError: nobody has answered in time.
    """
    if found.state == _PENDING:
        raise ApprovalAwaitedError(found)
    if found.state not in _GIVING:
        raise ApprovalRefusedError(found)


async def redeem(
    transport: Transport, approval: str, *, idempotency_key: str = ""
) -> IssuedCredential:
    """Get what people have agreed to.

    Raises:
        ApprovalAwaitedError: they have not yet.
    """
    path = route.approval_path(approval, "credential")
    key = idempotency_key or _ONCE
    call = Call("POST", path, json={}, idempotency_key=key, proves_key=True)
    return await delivered(transport, call)


async def delivered(transport: Transport, call: Call) -> IssuedCredential:
    """Send a request for a credential.

    Raises:
        ApprovalAwaitedError: people have to agree first.
    """
    answer = await transport.done(call)
    if answer.status == HTTPStatus.ACCEPTED:
        raise ApprovalAwaitedError(read_answer(answer, AwaitedApproval))
    return ensure_id(read_answer(answer, IssuedCredential), parse_lease_id)


async def followed(
    transport: Transport, call: Call, *, key: str, within_seconds: float, waiting: Waiting
) -> IssuedCredential:
    """Send a request for a credential, wait for whoever has to agree, and get it.

    What its caller repeats under a ``key`` of its own is sent again as it was, so that a later
    repetition finds what it was given; anything else is redeemed.

    Raises:
        ApprovalRefusedError: it was not agreed to.
        ApprovalAwaitedError: nobody has answered in time.
    """
    ends = asyncio.get_running_loop().time() + within_seconds
    try:
        return await delivered(transport, call)
    except ApprovalAwaitedError as waits:
        if within_seconds <= 0:
            raise
        seen = ensure_id(waits.approval, parse_approval_id)
    waiting(seen)
    ensure_agreed(await answered(transport, seen.id, within_seconds=within_seconds))

    async def get() -> IssuedCredential:
        return await (delivered(transport, call) if key else redeem(transport, seen.id))

    return await _patiently(get, ends)


async def _patiently(ask: Callable[[], Awaitable[T]], ends: float) -> T:
    """Ask, again and again while no broker answers, until that time of the loop's clock."""
    while True:
        try:
            return await ask()
        except CertificateDoubtedError:
            raise  # it will not become another by waiting
        except (NotSentError, ReplyLostError, BrokerUnavailableError):
            if ends - asyncio.get_running_loop().time() < _PAUSE_SECONDS:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
