"""`broker dev`: a broker for experiments, and tokens for whoever wants to play a part."""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import click
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.failure import CommandFailedError, NoAccessNowError
from broker.cli.plain import plain_answer
from broker.cli.types import DURATION, IDENTITY
from broker.cli.until_stopped import until_stopped
from broker.client.endpoint import open_session
from broker.clock import SystemClock
from broker.dev.commands import Commands
from broker.dev.console import printed
from broker.dev.passports import TTL_SECONDS, Identity, at_counter
from broker.dev.playground import Playground, stay_up
from broker.dev.processes import ProcessFailedError
from broker.secret import Secret

STATE = "BROKER_DEV_STATE"


@click.group(invoke_without_command=True, short_help="Keep a broker for experiments up.")
@click.option("--json", "as_json", is_flag=True, help="Print what is up as JSON.")
@click.pass_context
def dev(ctx: click.Context, *, as_json: bool) -> None:
    """Keep a broker for experiments up on this machine, until Ctrl-C.

    It is what `broker demo` uses: an embedded Valkey, a throw-away issuer, the broker with the
    shipped configuration, and a resource server. Everything is gone when it ends.
    """
    if ctx.invoked_subcommand is not None:
        return
    playground = stay_up(
        printed(sys.stderr),
        Commands(),
        SystemClock(),
        ready=lambda up: plain_answer(_document(up), _exports(up), as_json),
    )
    try:
        failure = asyncio.run(until_stopped(playground))
    except ProcessFailedError as error:
        raise CommandFailedError(str(error)) from error
    raise CommandFailedError(failure) if failure else Exit(exits.OK)


@dev.command()
@click.option(
    *("--as", "identity"),
    type=IDENTITY,
    required=True,
    help="Whose: agent:invoice-bot, orchestrator:ci-orchestrator, operator:alice, resource:URL.",
)
@click.option("--tenant", default="", help="Of which tenant; else that of the registry.")
@click.option("--instance", default="dev-1", show_default=True, help="Which running copy.")
@click.option("--ttl", type=DURATION, default=TTL_SECONDS, help="How long it lives; default 1h.")
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file, mode 0600.")
@click.option(
    "--state",
    envvar=STATE,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the running `broker dev` keeps its state.",
)
def token(
    identity: Identity, *, tenant: str, instance: str, ttl: int, out: Path | None, state: Path
) -> None:
    """Get a workload token from the throw-away issuer of a running `broker dev`."""
    whole = Identity(identity.kind, identity.name, tenant, instance)
    try:
        made = asyncio.run(_get(state / "issuer", whole, ttl))
    except OSError as error:
        raise NoAccessNowError(f"No `broker dev` runs on {state}: {error}") from error
    except aiohttp.ClientResponseError as error:
        raise CommandFailedError(f"The issuer refuses: {error.message}") from error
    if out is None:
        click.echo(made.reveal())
    else:
        _write(out, made)


async def _get(folder: Path, identity: Identity, ttl_seconds: int) -> Secret:
    async with open_session() as session:
        return await at_counter(folder, session).token(identity, ttl_seconds)


def _write(file: Path, made: Secret) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as output:
        output.write(made.reveal())


def _document(up: Playground) -> dict[str, object]:
    return {
        "broker": up.brokers[0],
        "issuer": up.issuer,
        "resource": up.resource,
        "audience": up.audience,
        "state": str(up.state),
    }


def _exports(up: Playground) -> str:
    return f"""
export BROKER_URL={up.brokers[0]}
export {STATE}={up.state}

workload tokens    broker dev token --as agent:invoice-bot --instance pod-1
issuer             {up.issuer}
resource server    {up.resource}/orders  ({up.audience})

Ctrl-C ends it all.
"""
