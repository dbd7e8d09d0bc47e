"""`broker apply`: files become what brokers run."""

import asyncio
import os
import socket
from pathlib import Path

import click

from broker.cli.plain import plain_answer
from broker.cli.settings import config_option, load
from broker.publishing import publish


@click.command(short_help="Check the configuration and publish it.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def apply(config: Path, *, as_json: bool) -> None:
    """Check agents, capabilities, resource servers and policies, and publish them.

    Everything is validated and the policies' own tests are run first; with any fault nothing is
    published, and all faults are printed. Running brokers pick the new revision up at once.
    """
    record = asyncio.run(publish(load(config), by=_publisher()))
    told = {"revision": record.revision, "digest": record.digest}
    plain_answer(told, f"Published revision {record.revision}, {record.digest[:12]}.", as_json)


def _publisher() -> str:
    return f"uid-{os.getuid()}@{socket.gethostname()}"
