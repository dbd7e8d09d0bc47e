"""A helper without a run: it asks the broker itself, once for each time that it is started.

Nothing is kept. What no tool could take is given back at once: it would live, and nobody would have
it. Loads the whole client; :mod:`broker.cli.helper_wish` does so only when there is no run.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from broker.cli.caller import caller_of
from broker.cli.desk import Desk
from broker.cli.failure import CommandFailedError, NoAccessNowError
from broker.cli.screen import Screen
from broker.client.api import BrokerClient
from broker.client.results import IssuedCredential
from broker.client.secret_forms import given
from broker.shapes.given import Given, UnfitError

T = TypeVar("T")

WITHIN_SECONDS: Final = 20.0
"""How long a tool is kept waiting for all tries together."""

_NEEDED: Final = {"task_id": "--task", "scopes": "--scope", "url": "--broker"}


def shaped(asked: Mapping[str, Any], fit: Callable[[Given], T]) -> T:
    """Have a credential issued, and bring it into a form.

    Raises:
        click.UsageError: it is not said what for, where, or who calls.
        CommandFailedError: it was refused, or has no such form and was given back.
    """
    for name, option in _NEEDED.items():
        if not asked[name]:
            raise click.UsageError(f"Missing option '{option}': say within what it shall be had.")
    desk = Desk(asked["url"], caller_of(asked), Screen(sys.stdout, as_json=False))
    issued = _plainly(desk, lambda broker: _issued(broker, asked))
    try:
        return fit(given(issued))
    except UnfitError as error:
        _plainly(desk, lambda broker: broker.credentials.give_back(issued.id))
        raise CommandFailedError(f"{error}; it was given back") from error


async def _issued(broker: BrokerClient, asked: Mapping[str, Any]) -> IssuedCredential:
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            return await broker.credentials.issue(
                asked["task_id"],
                asked["capability"],
                scopes=asked["scopes"],
                ttl_seconds=asked["ttl_seconds"],
            )
    except TimeoutError:
        why = f"the broker has not answered within {WITHIN_SECONDS:.0f} s: try again later"
        raise NoAccessNowError(why) from None


def _plainly(desk: Desk, question: Callable[[BrokerClient], Any]) -> Any:  # noqa: ANN401 - what was asked for
    """Ask, and say what went wrong in one line: that is what tools show."""
    try:
        return desk.ask(question)
    except CommandFailedError as error:
        raise type(error)(" ".join(error.message.split())) from error.__cause__
