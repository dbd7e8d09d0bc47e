"""`broker doctor`: is everything here that a broker needs?"""

import sys
from pathlib import Path

import click
import msgspec
from click.exceptions import Exit
from rich.console import RenderableType

from broker import logs
from broker.cli import exits
from broker.cli.interrupts import run
from broker.cli.screen import Document, Screen, rows
from broker.cli.settings import config_option, load
from broker.doctor import Doctor
from broker.findings import Line
from broker.settings.settings import Settings


@click.command(short_help="Examine an installation.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(config: Path, *, as_json: bool) -> None:
    """Examine an installation, from the machine of a broker, without changing anything.

    Looks at the settings, the listener, the TLS certificates, when they expire and whom they are
    for, the panic socket and its folder, the audit trail and its disk, the policies with their own
    tests and how they differ from what is published, the issuers' key sets, the store (its program,
    version and settings), the clocks, what is published, the signing keys, the resource servers
    that nobody registered or that do not listen, how far deciding again is behind and which broker
    cannot reach the facts, and what the last comparisons of the ledger with its targets came to.
    Ends with 1 when something would keep a broker from giving access, or from taking it away;
    warnings alone end with 0.
    """
    settings = load(config)
    logs.configure("critical", "console", sys.stderr)
    lines = run(_all(settings))
    told = {"healthy": all(line.state != "fail" for line in lines)}
    document = {**told, "checks": [msgspec.to_builtins(line) for line in lines]}
    Screen(sys.stdout, as_json=as_json).answer(document, _view)
    raise Exit(exits.OK if told["healthy"] else exits.REFUSED)


async def _all(settings: Settings) -> list[Line]:
    return [line async for line in Doctor(settings).run()]


def _view(document: Document) -> RenderableType:
    return rows(document["checks"], ("check", "state", "what", "where", "remedy"), empty="")
