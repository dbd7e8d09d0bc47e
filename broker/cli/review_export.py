"""`broker review export|check`: a review as a file, and whether its answers are what was given."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from click.exceptions import Exit
from rich.console import RenderableType
from rich.text import Text

from broker.cli import exits
from broker.cli.desk import Desk, at_desk, document
from broker.cli.failure import CommandFailedError
from broker.cli.one import One
from broker.cli.screen import Document, Screen, fields, stacked
from broker.client.api import BrokerClient
from broker.client.keys import VerificationKey, parse_key_set
from broker.client.review_signatures import ReviewSignatures
from broker.clock import SystemClock, rfc3339
from broker.reviews.checking import Checked, check_export
from broker.reviews.sheet import csv_of
from broker.reviews.site import html_of


@click.command(short_help="Write a review as HTML, CSV or JSON.")
@click.argument("review")
@click.option("--format", "form", type=click.Choice(["html", "csv", "json"]), default="html")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there.")
@at_desk
def export(desk: Desk, /, review: str, form: str, out: Path | None) -> None:
    """Write a whole review: a page with plots, a sheet, or JSON that can be checked."""

    async def ask(broker: BrokerClient) -> dict[str, object]:
        agents = [each async for each in broker.reviews.all_agents(review)]
        return {"review": await broker.reviews.show(review), "agents": agents}

    whole = document(desk.ask(ask))
    text = _text(whole, form)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CommandFailedError(f"{out}: {error.strerror}") from error


def _text(whole: Document, form: str) -> str:
    match form:
        case "html":
            return html_of(whole, rfc3339(SystemClock().now_ms()))
        case "csv":
            return csv_of(whole)
        case _:
            return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


@click.command(short_help="Check an exported review's answers.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    *("--trail", "trails"),
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The audit trail that has the answers, or a part of one; may be said again.",
)
@click.option(
    *("--keys", "key_files"),
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The broker's public keys (a JWK set, from /.well-known/jwks.json); may be said again.",
)
@click.option("--issuer", cls=One, help="The broker's issuer, whose signatures these have to be.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(
    file: Path,
    trails: tuple[Path, ...],
    key_files: tuple[Path, ...],
    issuer: str | None,
    *,
    as_json: bool,
) -> None:
    """Check that FILE (JSON) is the packet of its digest, and every answer bound to that.

    With --trail also that each answer stands in the audit trail's chain as it stands in the file:
    by whom, on which evidence, for which packet. With --keys and --issuer also that the broker has
    signed each answer. Keep the key set beside the export: keys rotate.
    """
    if bool(key_files) != bool(issuer):
        raise click.UsageError("--keys and --issuer go together: say both, or neither")
    read = _signatures(key_files, issuer).read if issuer else None
    try:
        found = check_export(msgspec.json.decode(file.read_bytes()), trails, read)
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise CommandFailedError(f"{file}: no exported review: {error}") from error
    Screen(sys.stdout, as_json=as_json).answer(_told(found), _view)
    if not found.is_good:
        raise Exit(exits.REFUSED)


def _signatures(files: tuple[Path, ...], issuer: str) -> ReviewSignatures:
    keys: dict[str, VerificationKey] = {}
    for file in files:
        try:
            keys |= parse_key_set(msgspec.json.decode(file.read_bytes()))
        except (OSError, ValueError) as error:
            raise CommandFailedError(f"{file}: no set of public keys: {error}") from error
    return ReviewSignatures(issuer, keys)


def _told(found: Checked) -> dict[str, Any]:
    return {
        "good": found.is_good,
        "packet": found.packet,
        "answers": found.answers,
        "in_trail": found.in_trail,
        "signed": found.signed,
        "faults": list(found.faults),
    }


def _view(told: Document) -> RenderableType:
    word = Text("The review is what was answered.", style="green")
    if not told["good"]:
        word = Text("The review was changed, or its answers cannot be shown.", style="bold red")
    return stacked(word, fields(told, ("packet", "answers", "in_trail", "signed", "faults")))
