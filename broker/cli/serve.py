"""`broker serve`: run a broker."""

import asyncio
from pathlib import Path

import click
from click.exceptions import Exit

from broker import serving
from broker.cli.settings import config_option, load


@click.command(short_help="Run a broker.")
@config_option
def serve(config: Path) -> None:
    """Run a broker until SIGTERM or Ctrl-C; it then finishes what it does.

    It uses the agents, capabilities and policies that `broker apply` published, and the keys that
    `broker keys` made: it makes neither itself. It never starts a Redis.
    """
    raise Exit(asyncio.run(serving.serve(load(config))))
