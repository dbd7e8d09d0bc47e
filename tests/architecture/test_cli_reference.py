"""The page about the command says what the command says of itself, no more and no less."""

import difflib
import re

import click

from broker.cli import exits
from broker.cli.helpers import COMMANDS as HELPERS
from broker.cli.main import COMMANDS, ROOT
from tests.architecture.cli_reference import FILE, reference

REMEDY = "run: python -m tests.architecture.cli_reference"


def commands(command: click.Command, context: click.Context) -> dict[str, click.Command]:
    """Walk the tree of commands."""
    found = {context.command_path: command}
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        below = command.get_command(context, name) if isinstance(command, click.Group) else None
        assert below is not None
        found |= commands(below, click.Context(below, parent=context, info_name=name))
    return found


def tree() -> dict[str, click.Command]:
    """Every command by its path, without the root."""
    found = commands(ROOT, click.Context(ROOT, info_name="broker"))
    del found["broker"]
    return found


def test_the_page_is_what_the_commands_say() -> None:
    """Whoever adds or changes a command writes it anew."""
    written = FILE.read_text().splitlines()
    change = difflib.unified_diff(written, reference().splitlines(), lineterm="", n=0)

    assert "\n".join(list(change)[:40]) == "", REMEDY


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    """Independent of how the page is written."""
    sections = re.findall(r"^#{2,3} (broker .*)$", FILE.read_text(), re.MULTILINE)

    assert sorted(sections) == sorted(tree()), REMEDY


def test_every_option_is_named_where_it_belongs_and_no_other() -> None:
    """In both directions, section by section."""
    text = FILE.read_text()
    pattern = re.compile(r"^#{2,3} (broker [^\n]*)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
    sections = dict(pattern.findall(text))
    for path, command in tree().items():
        rows = re.findall(r"^\| (`-[^|]*) \|", sections[path], re.MULTILINE)
        named = {name for row in rows for name in re.findall(r"`(--?[a-z-]+)`", row)}
        options = [each for each in command.params if isinstance(each, click.Option)]
        known = {name for each in options for name in (*each.opts, *each.secondary_opts)}
        assert named == known, (path, REMEDY)


def test_every_command_that_answers_can_answer_json() -> None:
    """But for those that run until they are stopped, print a script or token, or hold others.

    Nor do those that answer a tool in its own form.
    """
    silent = {"broker serve", "broker completion", "broker dev token", "broker mcp serve"}
    silent |= {f"broker credential-helper {tool}" for tool in HELPERS}
    without = {
        path
        for path, command in tree().items()
        if not isinstance(command, click.Group)
        and not any("--json" in each.opts for each in command.params)
    }

    assert without <= silent


def test_every_exit_code_is_documented() -> None:
    """In the table that is printed and written; and in the list of the first page."""
    named = {value for name, value in vars(exits).items() if name.isupper() and name != "MEANINGS"}

    assert named == set(exits.MEANINGS)
    assert set(re.findall(r"^\| (\d+) \|", FILE.read_text(), re.MULTILINE)) == {
        str(code) for code in exits.MEANINGS
    }


def test_every_command_has_one_line_in_the_list() -> None:
    """Short enough for a terminal."""
    assert all(0 < len(entry.summary) <= 60 for entry in COMMANDS.values())
