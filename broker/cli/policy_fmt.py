"""`broker policy fmt`: policy files in Cedar's own layout."""

import sys
from pathlib import Path

import click
from click.exceptions import Exit
from rich.console import Group, RenderableType
from rich.text import Text

from broker.cli import exits
from broker.cli.policy_files import FILES, each_noted, policy_paths, sources
from broker.cli.replacing import replace_text
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option
from broker.policy.compiled import Source
from broker.policy.formatting import formatted
from broker.settings.load import Reading
from broker.terminal import shown


@click.command(short_help="Lay policy files out in Cedar's own way.")
@FILES
@config_option
@click.option("--check", "is_check", is_flag=True, help="Change nothing; end with 1 if one would.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def fmt(files: tuple[Path, ...], config: Path, *, is_check: bool, as_json: bool) -> None:
    """Lay policy files out in Cedar's own way: FILES, or all of the configured folder.

    What the policies mean stays the same, and every comment stays. While one of the files cannot
    be laid out none is written; each is replaced whole.
    """
    others = _others(config, files)
    if not is_check:
        for path, text in others:
            replace_text(path, text)
    told = {"changed": [str(path) for path, _ in others], "written": not is_check}
    Screen(sys.stdout, as_json=as_json).answer(told, _view)
    if is_check and others:
        raise Exit(exits.REFUSED)


def _others(config: Path, files: tuple[Path, ...]) -> list[tuple[Path, str]]:
    reading = Reading()
    found = sources(policy_paths(config, files, reading), reading)
    others: list[tuple[Path, str]] = []

    def lay_out(one: tuple[Path, Source]) -> None:
        path, source = one
        if (text := formatted(source)) != source.text:
            others.append((path, text))

    each_noted(found, reading, lay_out)
    return others


def _view(told: Document) -> RenderableType:
    did = "laid out" if told["written"] else "would be laid out anew"
    lines = [Text(f"{did}: {shown(file)}") for file in told["changed"]]
    return Group(*lines) if lines else Text("All is laid out as it should be.", style="dim")
