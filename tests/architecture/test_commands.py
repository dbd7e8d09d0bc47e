"""What holds for every command, also for one that somebody adds."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from broker import cli
from broker.cli.main import ROOT

FOLDER: Final = Path(str(cli.__file__)).parent


def loops(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Find where an event loop is run."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "asyncio.run":
            yield node


def test_every_command_runs_its_loop_so_that_it_can_be_stopped() -> None:
    """`serve` obeys signals by itself; everything else goes through `broker.cli.interrupts.run`."""
    found = {
        file.name
        for file in FOLDER.glob("*.py")
        if any(loops(ast.parse(file.read_text(encoding="utf-8"))))
    }

    assert found == {"interrupts.py", "serve.py"}


def commands(command: click.Command) -> Iterator[click.Command]:
    """Walk the tree of commands."""
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below)


def test_no_list_of_commands_breaks_off_in_the_middle_of_a_sentence() -> None:
    """In a list, and where a shell completes, each has one short line of its own."""
    lines = [command.get_short_help_str(45) for command in commands(ROOT) if command is not ROOT]

    assert [line for line in lines if line.endswith("...") or len(line) > 60] == []
