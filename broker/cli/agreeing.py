"""Asking for a credential that people may have to agree to first, and waiting for them."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import click
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.desk import Desk, document
from broker.cli.plain import plain_answer
from broker.client.api import BrokerClient
from broker.client.approval_results import AwaitedApproval
from broker.client.awaiting import ApprovalAwaitedError
from broker.client.results import IssuedCredential
from broker.terminal import shown

_OPTION: Final = "--wait-for-approval"


def ask_for_credential(
    desk: Desk, task: str, capability: str, given: Mapping[str, Any]
) -> IssuedCredential:
    """Ask, and wait for people as long as ``wait_for_approval`` says; who interrupts that is told.

    Raises:
        CommandFailedError: it was refused, by policy or by people.
        Exit: nobody has answered yet; what to do is said.
    """

    async def ask(broker: BrokerClient) -> IssuedCredential:
        seen: list[AwaitedApproval] = []

        def waiting(approval: AwaitedApproval) -> None:
            seen.append(approval)
            click.echo(_begun(approval), err=True)

        try:
            return await broker.credentials.issue(task, capability, **given, waiting=waiting)
        except ApprovalAwaitedError as waits:
            _leave(desk, waits)
        except asyncio.CancelledError:  # Ctrl-C
            for approval in seen:
                click.echo(_interrupted(approval), err=True)
            raise

    return desk.ask(ask)


def _leave(desk: Desk, waits: ApprovalAwaitedError) -> NoReturn:
    """Say what is waited for, and end.

    Raises:
        Exit: always.
    """
    name = shown(waits.approval.id)
    click.echo(shown(str(waits)), err=True)
    click.echo(f"They look at it with: broker approval show {name}", err=True)
    click.echo(f"Once they have agreed, the same command gets it; {_OPTION} 10m waits.", err=True)
    if desk.screen.is_json:
        plain_answer(document(waits.approval), "", as_json=True)
    raise Exit(exits.NOT_REACHED)


def _begun(approval: AwaitedApproval) -> str:
    until = approval.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    digest = shown(approval.digest[:8])
    return f"waiting for people to agree to {approval.id}, digest {digest}, until {until} at most"


def _interrupted(approval: AwaitedApproval) -> str:
    return f"{approval.id} still waits for people; the same command goes on waiting for them."
