"""`broker demo`: the whole story on this machine, and whether it went as it must."""

import sys

import click
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.failure import CommandFailedError
from broker.cli.interrupts import run
from broker.clock import SystemClock
from broker.dev.commands import Commands
from broker.dev.console import JsonReporter, Reporter, printed
from broker.dev.demo import tell_story
from broker.dev.processes import ProcessFailedError


@click.command(short_help="Tell the whole story on this machine, and check it.")
@click.option(
    "--brokers",
    type=click.IntRange(1, 4),
    default=1,
    show_default=True,
    help="How many brokers share the ledger; every call goes to another one than the last.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end.")
def demo(*, brokers: int, as_json: bool) -> None:
    """Tell the whole story on this machine, and check it.

    Starts an embedded Valkey, a throw-away issuer, the broker and a resource server, each a process
    of its own, and follows credentials from a workload token to their death. Ends with 0 only if
    every step was as it must be. Nothing is left behind.
    """
    reporter: Reporter = JsonReporter(sys.stdout) if as_json else printed(sys.stdout)
    story = tell_story(reporter, Commands(), SystemClock(), brokers=brokers)
    try:
        failure = run(story)
    except ProcessFailedError as error:
        raise CommandFailedError(str(error)) from error
    raise Exit(exits.REFUSED if failure else exits.OK)
