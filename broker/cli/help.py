"""`broker help`: what all commands have in common."""

import sys

import click

from broker.cli import exits
from broker.cli.screen import Screen, rows


@click.group(name="help", short_help="Explain what all commands have in common.")
def help_() -> None:
    """Explain what all commands have in common. `broker COMMAND --help` explains a command."""


@help_.command(name="exit-codes")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def exit_codes(*, as_json: bool) -> None:
    """List every exit code, and what it means."""
    table = [{"code": code, "means": means} for code, means in exits.MEANINGS.items()]
    Screen(sys.stdout, as_json=as_json).answer(
        {"exit_codes": table},
        lambda document: rows(document["exit_codes"], ("code", "means"), empty=""),
    )
