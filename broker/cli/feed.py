"""`broker feed`: the decisions about the feed log that readiness asks an operator for."""

from pathlib import Path

import click

from broker.cli.interrupts import run
from broker.cli.plain import plain_answer
from broker.cli.settings import config_option, load
from broker.errors import NotFoundError
from broker.feed.upkeep import accept_loss, forget_trail, trails

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


def _utf8(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """Refuse what no trail can be called: a shell may hand over any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("is not UTF-8", context, parameter) from error
    return text


@click.group(short_help="Look after the feed log.")
def feed() -> None:
    """Look after the log that revocations and audit records travel through."""


@feed.command(name="trails", short_help="List the audit trails that are waited for.")
@config_option
@AS_JSON
def list_trails(config: Path, *, as_json: bool) -> None:
    """List the audit trails that the log waits for, and how far each has come."""
    found = run(trails(load(config).store))
    told = {name: {"seq": at.seq, "epoch": at.epoch} for name, at in sorted(found.items())}
    lines = "\n".join(f"{at['seq']:>12}  {name}" for name, at in told.items())
    plain_answer({"trails": told}, lines or "No audit trail has stored anything yet.", as_json)


@feed.command(name="forget-trail")
@click.argument("name", callback=_utf8)
@config_option
@AS_JSON
def forget(name: str, config: Path, *, as_json: bool) -> None:
    """Wait for the audit trail NAME no longer.

    For a broker that will never come back: what its trail lacks may then be dropped. A broker that
    does come back finds a gap, and says so in its trail.
    """
    if not run(forget_trail(load(config).store, name)):
        raise NotFoundError(f"the log waits for no trail {name}: see `broker feed trails`")
    plain_answer({"forgotten": name}, f"{name} is not waited for any more.", as_json)


@feed.command(name="accept-loss", short_help="Go on after Redis has lost data.")
@click.argument("bucket", type=click.IntRange(min=0))
@config_option
@AS_JSON
def accept(bucket: int, config: Path, *, as_json: bool) -> None:
    """Go on with what is left of BUCKET's outbox after some of it was lost.

    Only after Redis has lost data. Every verifier takes a snapshot; what was lost is missing in
    every audit trail from then on, and each trail shows where.
    """
    expected, going_on = run(accept_loss(load(config).store, bucket))
    told = {"bucket": bucket, "expected": expected, "goes_on_with": going_on}
    plain_answer(told, f"Expected {expected}, goes on with {going_on}.", as_json)
