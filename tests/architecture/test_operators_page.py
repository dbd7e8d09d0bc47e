"""The commands that the operators' page shows are commands that exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from broker.cli.main import ROOT

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def shown() -> list[str]:
    """Return every command line that begins with our command, in blocks and in the text."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`(broker [^`]+)`", text)
    ours = {line for line in [*lines, *inline] if line.startswith("broker ")}
    return sorted(line for line in ours if not _stands_for_several(line))


def _stands_for_several(line: str) -> bool:
    return "|" in line or "…" in line.split()[1]


@pytest.mark.parametrize("line", shown())
def test_every_command_on_the_page_exists(line: str) -> None:
    """Its name, and each of its options; what stands for a value may be anything."""
    command: click.Command = ROOT
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found

    options = {name for each in command.params for name in [*each.opts, *each.secondary_opts]}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert given <= options | {"--help"}
