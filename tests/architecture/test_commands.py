"""What holds for every command, also for one that somebody adds."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from broker import cli

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
