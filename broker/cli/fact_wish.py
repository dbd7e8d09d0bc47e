"""What all commands that change facts have in common: why, over what, and how many may die."""

import functools
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from broker.cli import deaths, fact_views
from broker.cli.desk import Desk
from broker.cli.one import One
from broker.client.api import BrokerClient
from broker.client.api_errors import SupersededError, WouldKillManyError
from broker.client.fact_results import Changed

_TRIES: Final = 5
"""How often a change that was made from what stood a moment ago is made anew."""

_PATIENCE_SECONDS: Final = 60.0
"""Looking at thousands of live credentials takes a broker some seconds."""

Changes = Sequence[Mapping[str, object]]
Made = tuple[Changes, int | None]
"""The changes, and the revision that they were made from, if that matters."""

Make = Callable[[BrokerClient], Awaitable[Made]]
"""Makes changes from what stands."""

Send = Callable[["Wish"], Callable[[BrokerClient], Awaitable[Changed]]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says besides what is to be changed."""

    reason: str
    base: int | None
    is_dry: bool
    accept: str
    key: str


_OPTIONS: Final = (
    click.option("--reason", cls=One, help="Why, for the audit trail.", required=True),
    click.option("--dry-run", "is_dry", is_flag=True, help="Only show who would die."),
    click.option("--base", type=click.IntRange(min=0), help="Refuse unless this revision stands."),
    click.option("--accept", cls=One, help="The digest of many deaths that are meant."),
    click.option("--idempotency-key", "key", cls=One, help="Makes a repeated command harmless."),
)


def wish_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a change; it gets a ``wish``."""

    @functools.wraps(command)
    def with_wish(*args: Any, **options: Any) -> None:  # noqa: ANN401 - the command's own
        names = ("reason", "base", "is_dry", "accept", "key")
        mine = {name: options.pop(name) for name in names}
        command(*args, wish=Wish(**mine), **options)

    wrapped: Callable[..., None] = with_wish
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def order(desk: Desk, wish: Wish, changes: Changes | Make) -> None:
    """Change facts and print what became of it; ask before many die.

    Raises:
        CommandFailedError: the broker refused, or did not answer.
    """

    def send(given: Wish) -> Callable[[BrokerClient], Awaitable[Changed]]:
        return lambda broker: _made(broker, changes, given)

    carry_out(desk, wish, send)


def carry_out(desk: Desk, wish: Wish, send: Send) -> None:
    """Send something that may end many credentials; in a terminal ask before it does."""
    patient = replace(desk, timeout_seconds=_PATIENCE_SECONDS)
    try:
        changed = patient.ask(send(wish))
    except click.ClickException as error:
        many = error.__cause__
        if not isinstance(many, WouldKillManyError) or not _may_ask(desk, wish):
            raise
        changed = patient.ask(send(_confirmed(patient, wish, send, many)))
    desk.print(changed, fact_views.changed)


def _may_ask(desk: Desk, wish: Wish) -> bool:
    return sys.stdin.isatty() and not desk.screen.is_json and not wish.accept


def _confirmed(desk: Desk, wish: Wish, send: Send, many: WouldKillManyError) -> Wish:
    """Show who would die, and ask.

    Raises:
        click.Abort: they shall not.
    """
    looked = desk.ask(send(replace(wish, is_dry=True)))
    desk.print(looked, fact_views.changed)
    deaths.confirm(looked.deaths, looked.unsure)
    return replace(wish, accept=looked.digest or many.problem.digest)


async def _made(broker: BrokerClient, changes: Changes | Make, wish: Wish) -> Changed:
    """Make the change; one that depends on what stands is made anew when that has moved."""
    for left in reversed(range(_TRIES)):
        made, base = await changes(broker) if callable(changes) else (changes, None)
        given = wish.base if wish.base is not None else base
        try:
            return await broker.facts.change(
                made,
                reason=wish.reason,
                base=given,
                dry_run=wish.is_dry,
                accept=wish.accept,
                idempotency_key=wish.key,
            )
        except SupersededError:
            if wish.base is not None or base is None or not left:
                raise
    raise AssertionError("the last try has returned or raised")
