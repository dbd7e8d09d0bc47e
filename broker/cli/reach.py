"""Waiting on the command line until credentials are as dead as is asked; and its exit codes."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import click

from broker.cli import exits
from broker.cli.desk import Desk
from broker.cli.progress import Teller, telling
from broker.cli.types import DURATION
from broker.client.api import BrokerClient
from broker.client.levels import Level, Standing, standing
from broker.client.reaching import NotReachedError, Reading, Told
from broker.client.results import Receipt, Report

_CODES: Final = {
    Standing.DONE: exits.OK,
    Standing.NOT_YET: exits.NOT_REACHED,
    Standing.IRREVOCABLE: exits.IRREVOCABLE,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """How far something is followed (None: not at all), and for how long."""

    level: Level | None
    seconds: float

    @classmethod
    def of(cls, level: str | None, seconds: float) -> "Waiting":
        """Read what the command line says."""
        return cls(Level(level) if level else None, seconds)


class Reach(Protocol):
    """One of the calls that wait: of a task, an order or a credential."""

    def __call__(
        self, name: str, level: str, /, *, within_seconds: float, told: Told, reading: Reading
    ) -> Awaitable[Report]:
        """Return the whole report once it has come so far."""
        ...


def wait_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--wait`` and ``--timeout``."""
    timeout = click.option(
        "--timeout", type=DURATION, default="5m", show_default=True, help="How long at most."
    )
    wait = click.option(
        "--wait",
        type=click.Choice([str(level) for level in Level]),
        help="Until everything has come so far.",
    )
    return wait(timeout(command))


def exit_code(receipts: Sequence[Receipt], level: Level | None) -> int:
    """Tell by an exit code whether a report has come so far."""
    return exits.OK if level is None else _CODES[standing(receipts, level)]


async def reached(reach: Reach, name: str, level: Level, seconds: float, teller: Teller) -> Report:
    """Wait, and return the whole report however far it has come."""

    def told(done: int, total: int) -> None:
        teller.tell(level, done, total)

    def reading(done: int, total: int | None) -> None:
        teller.tell("reading receipts", done, total)

    try:
        return await reach(name, level, within_seconds=seconds, told=told, reading=reading)
    except NotReachedError as late:
        return late.report


def ask_and_wait(
    desk: Desk,
    order: Callable[[BrokerClient], Awaitable[object]],
    reach: Callable[[BrokerClient], Reach],
    name: str,
    waiting: Waiting,
) -> Report:
    """Have something end, and wait for its death; who interrupts that is told that it has ended."""
    level = waiting.level or Level.LEDGER

    async def ask(broker: BrokerClient) -> Report:
        await order(broker)
        try:
            with telling(sys.stderr, as_json=desk.screen.is_json) as teller:
                return await reached(reach(broker), name, level, waiting.seconds, teller)
        except asyncio.CancelledError:  # Ctrl-C
            click.echo(f"{name} has ended; the same command follows it further.", err=True)
            raise

    return desk.ask(ask)
