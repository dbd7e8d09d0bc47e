"""`broker audit`: check an audit trail."""

import sys
from pathlib import Path

import click
from click.exceptions import Exit
from rich.console import RenderableType
from rich.text import Text

from broker.audit.heads import head_of
from broker.audit.verify import Findings, verify
from broker.cli import exits
from broker.cli.failure import CommandFailedError
from broker.cli.interrupts import run
from broker.cli.progress import Teller, showing
from broker.cli.screen import Document, Screen, fields, rows, stacked
from broker.cli.settings import load
from broker.settings.settings import Settings
from broker.store.feed_cursors import Cursor


@click.group(short_help="Check audit trails.")
def audit() -> None:
    """Check audit trails."""


@audit.command(name="verify", short_help="Check that a trail is whole.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Also compare its end with what the ledger of this configuration knows of it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def verify_file(file: Path, config: Path | None, *, as_json: bool) -> None:
    """Check that nothing in FILE was edited, removed, added or moved.

    Each line names the digest of the one before. Only the ledger knows which line is the last:
    without --config a trail whose end was cut off looks like a shorter one.
    """
    head = None if config is None else _head(file, load(config))
    try:
        with showing(sys.stderr, as_json=as_json) as teller:
            found = _verified(file, head, teller)
    except OSError as error:
        raise CommandFailedError(f"{file}: {error.strerror}: it was not read to its end") from error
    Screen(sys.stdout, as_json=as_json).answer(_document(found, is_end_known=bool(head)), _view)
    if not found.is_whole:
        raise Exit(exits.REFUSED)


def _verified(file: Path, head: Cursor | None, teller: Teller) -> Findings:
    size = file.stat().st_size

    def tell(seen: int) -> None:
        # A broker may write on meanwhile.
        teller.tell("checking, in KiB", _kib(seen), _kib(max(seen, size)))

    tell(0)
    return verify(file, head=head, tell=tell)


def _kib(size: int) -> int:
    return -(-size // 1024)


def _head(file: Path, settings: Settings) -> Cursor:
    name = settings.audit.name if settings.audit.file.resolve() == file.resolve() else ""
    return run(head_of(file, settings.store, name=name))


def _document(found: Findings, *, is_end_known: bool) -> Document:
    return {
        "whole": found.is_whole,
        "end_known": is_end_known,
        "lines": found.lines,
        "first_seq": found.first.seq if found.first else None,
        "last_seq": found.last.seq if found.last else None,
        "epochs": found.epochs,
        "gaps": [list(gap) for gap in found.gaps],
        "faults": [{"line": fault.line, "what": fault.what} for fault in found.faults],
    }


def _view(document: Document) -> RenderableType:
    verdict = Text("The trail is whole.", style="green")
    if not document["whole"]:
        verdict = Text("The trail was tampered with, or damaged.", style="bold red")
    elif not document["end_known"]:
        verdict.append(
            "  Whether its end is missing only the ledger can tell: --config", style="dim"
        )
    names = ("lines", "first_seq", "last_seq", "epochs", "gaps")
    faults = rows(document["faults"], ("line", "what"), empty="")
    found = fields(document, names)
    return stacked(verdict, found, faults) if document["faults"] else stacked(verdict, found)
