"""`broker dev`: a broker for experiments, and tokens for whoever wants to play a part."""

import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import click
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.failure import CommandFailedError, NoAccessNowError
from broker.cli.interrupts import run
from broker.cli.plain import plain_answer
from broker.cli.private_file import write_private_text
from broker.cli.types import DURATION, IDENTITY
from broker.client.endpoint import open_session
from broker.clock import SystemClock
from broker.dev.commands import Commands
from broker.dev.console import printed
from broker.dev.passports import TTL_SECONDS, Identity, at_counter
from broker.dev.playground import Playground, stay_up
from broker.dev.processes import ProcessFailedError
from broker.dev.realms import SPIFFE, TRUST_DOMAIN, job_claims, pod_claims
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
        failure = run(playground)
    except ProcessFailedError as error:
        raise CommandFailedError(str(error)) from error
    raise CommandFailedError(failure) if failure else Exit(exits.OK)


@dev.command(short_help="Get a token from the throw-away issuer.")
@click.option(
    *("--as", "identity"),
    type=IDENTITY,
    help="Whose: agent:invoice-bot, orchestrator:ci-orchestrator, operator:alice, resource:URL.",
)
@click.option("--pod", metavar="NAMESPACE/ACCOUNT/UID", help="Or a pod's, as Kubernetes makes it.")
@click.option("--job", metavar="OWNER/REPO/RUN", help="Or a job's, as GitHub Actions makes it.")
@click.option("--svid", metavar="/PATH", help="Or a JWT-SVID of the SPIFFE ID with this path.")
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
    identity: Identity | None,
    *,
    pod: str | None,
    job: str | None,
    svid: str | None,
    ttl: int,
    out: Path | None,
    state: Path,
    **rest: str,
) -> None:
    """Get a workload token from the throw-away issuer of a running `broker dev`."""
    shapes = {
        "": identity and Identity(identity.kind, identity.name, **rest).claims(),
        "cluster": pod and pod_claims(*_parts(pod, "--pod")),
        "ci": job and job_claims(*_parts(job, "--job")),
        SPIFFE: svid and {"sub": f"spiffe://{TRUST_DOMAIN}{svid}"},
    }
    wanted = [(realm, claims) for realm, claims in shapes.items() if claims]
    if len(wanted) != 1:
        raise click.UsageError("give exactly one of --as, --pod, --job and --svid")
    realm, claims = wanted[0]
    try:
        made = run(_get(state / "issuer", realm, claims, ttl))
    except OSError as error:
        raise NoAccessNowError(f"No `broker dev` runs on {state}: {error}") from error
    except aiohttp.ClientResponseError as error:
        raise CommandFailedError(f"The issuer refuses: {error.message}") from error
    if out is None:
        click.echo(made.reveal())
    else:
        write_private_text(out, made.reveal())


def _parts(text: str, option: str) -> tuple[str, str, str]:
    match text.split("/"):
        case [first, second, third] if first and second and third:
            return first, second, third
        case _:
            raise click.UsageError(f"{option} {text!r} has not the form A/B/C")


async def _get(folder: Path, realm: str, claims: Mapping[str, object], ttl_seconds: int) -> Secret:
    async with open_session() as session:
        return await at_counter(folder, session).shaped(realm, claims, ttl_seconds)


def _document(up: Playground) -> dict[str, object]:
    return {
        "broker": up.brokers[0],
        "issuer": up.issuer,
        "resource": up.resource,
        "audience": up.audience,
        "state": str(up.state),
        "config": str(up.config),
    }


def _exports(up: Playground) -> str:
    return f"""
export BROKER_URL={up.brokers[0]}
export BROKER_CONFIG={up.config}
export {STATE}={up.state}
export ORDERS_URL={up.resource}/orders

workload tokens    broker dev token --as agent:invoice-bot --instance pod-1
issuer             {up.issuer}
resource server    {up.resource}/orders  ({up.audience})

Ctrl-C ends it all.
"""
