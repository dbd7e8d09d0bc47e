"""A command group that loads a command's module only when the command runs.

`broker --help` and shell completion answer in a blink, without aiohttp, Redis or Cedar.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

import click
from click.shell_completion import CompletionItem


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives, and its one line in the list of commands."""

    module: str
    attribute: str
    summary: str

    def load(self) -> click.Command:
        """Import the command.

        Raises:
            TypeError: the table names something that is no command.
        """
        command = getattr(import_module(self.module), self.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.module}:{self.attribute} is no command")
        return command


class LazyGroup(click.Group):
    """A group whose commands are named in a table."""

    def __init__(self, name: str, entries: Mapping[str, Entry], summary: str) -> None:
        super().__init__(name, help=summary, no_args_is_help=True)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the table's order."""
        del ctx
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        del ctx
        entry = self._entries.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the line names.

        Raises:
            click.UsageError: there is none; the text says which are near.
        """
        name = args[0]
        if name not in self._entries and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, self._entries, n=1) or ["--help"]
            ctx.fail(f"no such command: {name!r}; try {ctx.command_path} {near[0]}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._entries.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table alone."""
        named = [
            CompletionItem(name, help=entry.summary)
            for name, entry in self._entries.items()
            if name.startswith(incomplete)
        ]
        return named + click.Command.shell_complete(self, ctx, incomplete)
