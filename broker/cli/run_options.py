"""The options of `broker run`; a run file's members (:mod:`broker.cli.run_spec`) are called so."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, Final

import click

from broker.cli.one import One
from broker.cli.types import DURATION, SPAN
from broker.running.command import GRACE_SECONDS

OPENER: Final = "BROKER_OPENER_TOKEN_FILE"

Command = Callable[..., Any]

_OPTIONS: Final[tuple[Callable[[Command], Command], ...]] = (
    click.option(
        "--file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A run file, which says what these options would; docs/run.md.",
    ),
    click.option("--task", "name", cls=One, help="Open a task for it: what the job is."),
    click.option("--task-id", cls=One, help="Work on this task, which is open and yours."),
    click.option(
        "--handle-file",
        type=click.File("r", encoding="ascii"),
        help="With --task-id: claim it by the handle in this file.",
    ),
    click.option("--need", "needs", multiple=True, help="[NAME=]CAPABILITY. Repeatable."),
    click.option("--scope", "scopes", multiple=True, help="[NAME=]SCOPE: to do what. Repeatable."),
    click.option("--as", "shapes", multiple=True, help="[NAME=]SHAPE: how the command takes it."),
    click.option("--credential-ttl", "ttls", multiple=True, help="[NAME=]2m: its life."),
    click.option("--agent", cls=One, envvar="BROKER_AGENT", help="Who you are. With --task."),
    click.option("--tenant", cls=One, envvar="BROKER_TENANT", help="Whose job it is. With --task."),
    click.option("--ttl", type=SPAN, default="1h", show_default=True, help="The task's deadline."),
    click.option(
        "--idle",
        type=SPAN,
        default="1m",
        show_default=True,
        help="Its idle timeout: we beat for it.",
    ),
    click.option("--on-behalf-of", cls=One, help="For whom."),
    click.option("--ticket", "tickets", multiple=True, help="What it is about. Repeatable."),
    click.option("--resource", "resources", multiple=True, help="What it touches. Repeatable."),
    click.option("--parent", cls=One, help="The task that it is a part of."),
    click.option(
        "--opener-token-file",
        envvar=OPENER,
        type=click.Path(path_type=Path),
        help="The workload token of who opens the task, where that is not you.",
    ),
    click.option(
        "--on-revoked",
        type=click.Choice(["term", "warn"]),
        default="term",
        show_default=True,
        help="What to do when a credential was taken away.",
    ),
    click.option(
        "--grace",
        type=DURATION,
        default=f"{GRACE_SECONDS:.0f}s",
        show_default=True,
        help="From SIGTERM to SIGKILL.",
    ),
    click.option("--wait-for-approval", type=DURATION, default="0s", help="For people to agree."),
    click.option(
        "--proxy",
        "routes",
        type=click.File("rb"),
        help="Let it hold stand-ins, by the routes in this file; docs/proxy.md.",
    ),
    click.option(
        "--only-declared", is_flag=True, help="With --proxy: let it reach no server but those."
    ),
    click.option(
        "--upstream-ca",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="With --proxy: the only authorities to believe of servers.",
    ),
    click.option(
        "--proxy-log",
        type=click.Path(path_type=Path, dir_okay=False),
        help="With --proxy: append each use to this file.",
    ),
    click.option(
        "--may-ask",
        is_flag=True,
        help="With --task-id: let the command ask for all that the task may have.",
    ),
    click.option(
        "--keep-env", multiple=True, help="Let this BROKER_… variable through. Repeatable."
    ),
)


def run_options(command: Command) -> Command:
    """Give a command the options."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)
