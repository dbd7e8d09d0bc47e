"""Writes docs/cli.md from the commands: ``python -m tests.architecture.cli_reference``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from broker.cli import exits
from broker.cli.main import COMMANDS, ROOT

FILE: Final = Path(__file__).parents[2] / "docs" / "cli.md"

HEAD: Final = """\
# The `broker` command

Written from the commands themselves (`python -m tests.architecture.cli_reference`); a test holds it
to them.

* Commands that talk to a broker take `--broker URL` (`BROKER_URL`) and `--token-file FILE`
  (`BROKER_TOKEN_FILE`) or a client certificate, `--cert-file FILE` (`BROKER_CERT_FILE`) with
  `--key-file FILE` (`BROKER_KEY_FILE`; `BROKER_KEY_PASSPHRASE` opens an encrypted key), and
  `--ca-file FILE` (`BROKER_CA_FILE`); those that read the configuration take `--config`
  (`BROKER_CONFIG`). A token or a passphrase is never taken from the command line.
* Answers are tables in a terminal (without colour when `NO_COLOR` is set), plain columns in a pipe,
  and one JSON document with `--json`. Errors and progress go to standard error; with `--json` an
  error is `{"error": {"message", "exit_code", "code"?, "status"?, "field"?, "decision"?, "grown"?,
  "shrunk"?, "faults"?}}`. Long work has a bar in a terminal; killing a set and reading what came of
  it also tell elsewhere how far they are, in lines, with `--json` as a line of JSON for each step.
* Text from elsewhere is shown escaped: it moves no cursor and hides no line.
* `broker completion bash|zsh|fish` prints a completion script; with a broker in the environment it
  completes ids of open tasks.
"""


def reference() -> str:
    """Write the whole page."""
    parts = [HEAD, _exit_codes()]
    for name in COMMANDS:
        context = click.Context(ROOT, info_name="broker")
        command = ROOT.get_command(context, name)
        if command is not None:
            parts += _pages(command, click.Context(command, parent=context, info_name=name))
    return "\n".join(parts)


def _exit_codes() -> str:
    rows = "".join(f"| {code} | {means} |\n" for code, means in exits.MEANINGS.items())
    return f"## Exit codes\n| code | means |\n|---|---|\n{rows}"


def _pages(command: click.Command, context: click.Context) -> Iterator[str]:
    level = "##" if context.parent and context.parent.parent is None else "###"
    yield f"{level} {context.command_path}\n{_text(command)}\n{_parameters(command)}"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _pages(below, click.Context(below, parent=context, info_name=name))


def _text(command: click.Command) -> str:
    words = (command.help or "").replace("\b", "").strip()
    blocks = [" ".join(block.split()) for block in words.split("\n\n")]
    return "\n\n".join(blocks) + "\n"


def _parameters(command: click.Command) -> str:
    rows = [row for each in command.params if (row := _row(each))]
    return "| argument, option | |\n|---|---|\n" + "".join(rows) if rows else ""


def _row(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        required = " Required." if parameter.required else ""
        return f"| {names} | {_cell(parameter.help or '')}{required} |\n"
    metavar = parameter.metavar or (parameter.name or "").upper()
    return f"| `{_cell(metavar)}` | |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(reference())
    sys.stdout.write(f"{FILE.name} is written\n")
