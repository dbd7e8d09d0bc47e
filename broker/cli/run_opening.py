"""How `broker run` comes by its task: it opens one, or goes on with one that is open."""

from collections.abc import Callable, Coroutine, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

import click

from broker.cli.desk import Desk
from broker.cli.private_file import read_secret_text
from broker.client.api import BrokerClient
from broker.client.endpoint import open_session
from broker.client.errors import ClientError
from broker.client.results import Task
from broker.running.need import Need, ceiling_of
from broker.secret import Secret

_OF_A_NEW_TASK: Final = {
    "ttl": "ttl",
    "idle": "idle",
    "on_behalf_of": "on-behalf-of",
    "tickets": "ticket",
    "resources": "resource",
    "parent": "parent",
    "name": "task",
}
"""Options by their parameters."""

Open = Callable[[], Coroutine[Any, Any, Task]]


@dataclass(frozen=True, slots=True)
class Opening:
    """How the task is come by: ``members`` open one, else one that is open is gone on with."""

    task: str
    handle: Secret | None
    opener: Path | None
    members: dict[str, Any]

    async def by(self, broker: BrokerClient, desk: Desk, stack: AsyncExitStack) -> Open:
        """Return what the scope calls; connections of the opener's are closed by the stack."""
        if not self.members:
            if self.handle is None:
                return partial(broker.tasks.heartbeat, self.task)
            return partial(broker.tasks.claim, self.task, self.handle)
        opener = broker
        if self.opener is not None:
            session = await stack.enter_async_context(open_session())
            caller = replace(desk.caller, token=self.opener)
            opener = caller.client(desk.url, session, desk.timeout_seconds)
        return partial(_opened, opener, broker, self.members)


async def _opened(opener: BrokerClient, agent: BrokerClient, members: dict[str, Any]) -> Task:
    """Open a task for whoever shows its handle, and show it: nobody has to know our instance."""
    opened = await opener.tasks.open(**members)
    if opened.claim_handle is None:
        return opened
    try:
        return await agent.tasks.claim(opened.id, opened.claim_handle)
    except ClientError:
        await opener.tasks.cancel(opened.id, reason="it could not be claimed")
        raise


def opening(needs: Sequence[Need], given: dict[str, Any], said: AbstractSet[str]) -> Opening:
    """Read it out of the options; ``said`` are those that the command line itself has.

    Raises:
        click.UsageError: they do not go together.
    """
    if bool(given["name"]) == bool(given["task_id"]):
        raise click.UsageError("Say which task: --task NAME opens one, --task-id ID takes one.")
    return _taking(given, said) if given["task_id"] else _opening(needs, given)


def _taking(given: dict[str, Any], said: AbstractSet[str]) -> Opening:
    for option, flag in _OF_A_NEW_TASK.items():
        if option in said:
            raise click.UsageError(f"'--{flag}' is for '--task': one that is open has its own.")
    handle: TextIO | None = given["handle_file"]
    secret = None if handle is None else read_secret_text(handle)
    return Opening(given["task_id"], secret, None, {})


def _opening(needs: Sequence[Need], given: dict[str, Any]) -> Opening:
    if given["handle_file"] is not None:
        raise click.UsageError("'--handle-file' is for '--task-id'.")
    if given["may_ask"]:
        raise click.UsageError("'--may-ask' is for '--task-id': a new task has what it needs.")
    for option in ("agent", "tenant"):
        if not given[option]:
            raise click.UsageError(f"Missing option '--{option}', or BROKER_{option.upper()}.")
    if not needs:
        raise click.UsageError("Missing option '--need': a task is for something.")
    same = ("name", "agent", "tenant", "on_behalf_of", "tickets", "resources", "parent")
    members = {option: given[option] for option in same}
    members |= {"ttl_seconds": given["ttl"], "idle_timeout_seconds": given["idle"]}
    return Opening("", None, given["opener_token_file"], members | {"ceiling": ceiling_of(needs)})
