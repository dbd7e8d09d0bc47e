"""`broker panic`: take access away when nothing else works, on the broker's own machine."""

import sys
from pathlib import Path
from typing import Any, Final

import aiohttp
import click
from click.exceptions import Exit

from broker.cli import exits, views
from broker.cli.desk import document
from broker.cli.failure import CommandFailedError, NoAccessNowError
from broker.cli.interrupts import run
from broker.cli.one import One
from broker.cli.screen import Screen
from broker.cli.settings import config_option, settings_file
from broker.client import route
from broker.client.api_errors import BrokerUnavailableError, refusal
from broker.client.endpoint import read_bounded
from broker.client.errors import BrokerAnswerError
from broker.client.results import Revocation
from broker.client.transport import IDEMPOTENCY_KEY, read
from broker.settings.load import Reading

SELECTORS: Final = ("tenant", "agent", "capability", "issuer")
_PATIENCE: Final = aiohttp.ClientTimeout(total=30)


@click.command(short_help="Take access away when nothing else works.")
@click.option("--all", "everything", is_flag=True, help="Everything, of every tenant.")
@click.option("--tenant", cls=One, help="Everything of a tenant.")
@click.option("--agent", cls=One, help="Everything that an agent holds, and has handed on.")
@click.option("--capability", cls=One, help="Everything of a capability.")
@click.option("--issuer", cls=One, help="Everything that was got with an issuer's workload tokens.")
@click.option("--in-tenant", cls=One, help="Only within this tenant.")
@click.option("--reason", required=True, help="Why, for the audit trail.")
@click.option("--yes", is_flag=True, help="Do not ask before --all.")
@click.option(
    *("--socket", "path"),
    envvar="BROKER_PANIC_SOCKET",
    type=click.Path(path_type=Path),
    help="The broker's panic socket. Default: panic_socket of the configuration.",
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def panic(
    *,
    everything: bool,
    in_tenant: str,
    reason: str,
    yes: bool,
    path: Path | None,
    config: Path,
    as_json: bool,
    **named: str | None,
) -> None:
    """Take access away, without any token, on the machine of a broker that runs.

    Asks nothing of issuers, keys, policies or the audit sink. Only the broker's own user and root
    may; it alarms, and the audit trail names the user. Nothing but revoking goes this way.
    """
    body = _body(named, everything=everything) | route.body(reason=reason, in_tenant=in_tenant)
    where = path or _configured(config)
    if everything and not yes:
        _confirm(in_tenant)
    order = run(_send(where, body))
    Screen(sys.stdout, as_json=as_json).answer(document(order), views.order)
    raise Exit(exits.OK if order.acknowledged else exits.UNAVAILABLE)


def _body(named: dict[str, str | None], *, everything: bool) -> dict[str, object]:
    chosen: dict[str, object] = {kind: value for kind, value in named.items() if value}
    if everything:
        chosen["all"] = True
    if len(chosen) != 1:
        options = ", ".join(f"--{kind}" for kind in ("all", *SELECTORS))
        raise click.UsageError(f"say what to revoke, with exactly one of {options}")
    return chosen


def _configured(config: Path) -> Path:
    """Read the one key that matters now, whatever else is wrong in the file."""
    file = settings_file(config)
    found = Reading().part(file, "panic_socket", Path)
    if found is None:
        raise click.UsageError(
            f"{file} states no panic_socket: give --socket with the path that the broker listens on"
        )
    return found


def _confirm(in_tenant: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("--all without a terminal needs --yes")
    whose = f"of tenant {in_tenant}" if in_tenant else "of EVERY tenant"
    click.confirm(f"Kill every live credential {whose}?", abort=True, err=True)


async def _send(where: Path, body: dict[str, Any]) -> Revocation:
    connector = aiohttp.UnixConnector(str(where))
    headers = {IDEMPOTENCY_KEY: route.new_idempotency_key()}
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session,
            session.post("http://broker/v1/panic", json=body, headers=headers) as answer,
        ):
            raw = await read_bounded(answer)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise NoAccessNowError(
            f"No broker takes orders at {where} ({type(error).__name__}): does it run, with "
            "panic_socket in its configuration, and may this user open the socket?"
        ) from error
    if answer.status >= 300:  # noqa: PLR2004 - 200 or 202 is an order that stands
        refused = refusal(answer.status, raw)
        is_passing = isinstance(refused, BrokerUnavailableError)
        raise (NoAccessNowError if is_passing else CommandFailedError)(str(refused))
    try:
        return read(raw, Revocation)
    except BrokerAnswerError as error:
        raise CommandFailedError(f"What answers at {where} is no broker: {error}") from error
