"""Which credential a helper shall give, and where it gets it: from its run, or from the broker."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click

from broker.cli.caller_files import FILES, file_options
from broker.cli.durations import SPAN
from broker.cli.failure import CommandFailedError, NoAccessNowError
from broker.cli.one import One
from broker.clock import SystemClock
from broker.shapes import desk
from broker.shapes.given import Given, UnfitError, live

P = ParamSpec("P")
T = TypeVar("T")

Shape = Callable[[Given], T]
"""Brings a credential into a tool's form; raises UnfitError if that cannot be."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of the credential; nothing is asked before :meth:`shaped`."""

    need: str
    asked: Mapping[str, Any]
    """Where there is no run: broker, who calls, task, capability, scopes, ttl."""

    def of(self, need: str) -> "Wish":
        """Return the wish for another need of the run."""
        return replace(self, need=need)

    def shaped(self, shape: Shape[T]) -> T:
        """Get the credential, and bring it into a form.

        Raises:
            click.UsageError: it is not said which.
            CommandFailedError: it was refused, or has no such form.
        """
        fit = functools.partial(_fit, shape)
        if bool(self.need) == bool(self.asked["capability"]):
            raise click.UsageError("say which one: --need NAME within a run, else --capability")
        if not self.need:
            issued: T = import_module("broker.cli.helper_issue").shaped(self.asked, fit)
            return issued
        try:
            return fit(desk.ask(self.need))
        except UnfitError as error:
            raise CommandFailedError(f"{self.need}: {error}") from error
        except desk.NoRunError as error:
            raise CommandFailedError(f"{error}; name --capability and --scope") from error
        except desk.DeskRefusedError as error:
            raise CommandFailedError(str(error)) from error
        except desk.DeskAwayError as error:
            raise NoAccessNowError(str(error)) from error


def _fit(shape: Shape[T], given: Given) -> T:
    return shape(live(given, SystemClock().now_ms()))


def wishing(command: Callable[Concatenate[Wish, P], None]) -> Callable[..., None]:
    """Give a helper the options that say which credential, and the wish as its first argument."""

    @functools.wraps(command)
    def with_wish(*args: Any, need: str, **options: Any) -> None:  # noqa: ANN401 - the command's own
        asked = {name: options.pop(name) for name in (*_ASKED, *FILES)}
        command(Wish(need, asked), *args, **options)

    wrapped = file_options(with_wish)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_ASKED: Final = ("url", "task_id", "capability", "scopes", "ttl_seconds")

_OPTIONS: Final = (
    click.option("--need", cls=One, help="Within a run: the need that it is for."),
    click.option("--capability", cls=One, help="Without a run: what is asked for."),
    click.option("--scope", "scopes", multiple=True, help="And to do what. Repeatable."),
    click.option("--ttl", "ttl_seconds", type=SPAN, help="And how long it shall live: 2m."),
    click.option("--task", "task_id", envvar="BROKER_TASK_ID", help="And within which task."),
    click.option("--broker", "url", envvar="BROKER_URL", help="And the broker's URL."),
)
