"""Waiting until people have answered, and getting what they agreed to."""

import asyncio
from http import HTTPStatus
from typing import Final

from broker.client import approval_api_errors, route
from broker.client.approval_results import AwaitedApproval
from broker.client.errors import ClientError
from broker.client.results import IssuedCredential
from broker.client.transport import Call, Transport, ensure_about, ensure_id, read_answer
from broker.ids import parse_lease_id

LONGEST_WAIT: Final = 30
"""Seconds that the broker lets one look take."""

SlowDownError = approval_api_errors.SlowDownError
"""Looked at too soon: see :func:`answered`, which does not."""

_PENDING: Final = "pending"

_GIVING: Final = frozenset({"approved", "used"})
"""Used, too: the answer that delivered it may have been lost."""

_ONCE: Final = "redeemed"
"""What the broker calls a request without a key: all of them are one."""


class ApprovalAwaitedError(ClientError):
    """People have to agree first, and have not yet; ``approval`` says where to look.

    Ask for the same again later, or call ``client.approvals.redeem(error.approval.id)``.
    """

    remedy = "Wait for it (wait_for_approval), or ask for the same again later."

    def __init__(self, approval: AwaitedApproval) -> None:
        super().__init__(f"people have to agree first: {approval.id} is {approval.state}")
        self.approval = approval


class ApprovalRefusedError(ClientError):
    """People said no, nobody answered in time, or it was overtaken; ``approval`` has more."""

    remedy = "Ask for less, or do without; who said no can be asked why."

    def __init__(self, approval: AwaitedApproval) -> None:
        why = f" ({approval.because})" if approval.because else ""
        super().__init__(f"it was not agreed to: {approval.id} is {approval.state}{why}")
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
    """Wait until it has been answered, or the time is up; return how it stands."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + within_seconds
    while True:
        began = loop.time()
        wait = max(0, min(LONGEST_WAIT, int(ends - began)))
        found = await look(transport, approval, wait_seconds=wait)
        left = ends - loop.time()
        if found.state != _PENDING or left < 1:
            return found
        # Who looks sooner than he is told to has to wait ever longer.
        await asyncio.sleep(min(left, max(0, found.interval_seconds - (loop.time() - began))))


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
    transport: Transport, waits: AwaitedApproval, *, within_seconds: float
) -> IssuedCredential:
    """Wait for an answer, and get what was agreed to.

    Raises:
        ApprovalRefusedError: it was not.
        ApprovalAwaitedError: nobody has answered in time.
    """
    found = await answered(transport, waits.id, within_seconds=within_seconds)
    if found.state == _PENDING:
        raise ApprovalAwaitedError(found)
    if found.state not in _GIVING:
        raise ApprovalRefusedError(found)
    return await redeem(transport, waits.id)
