"""The commands of ours that a page shows, read by the command's own parser; nothing is run."""

import re
import shlex
from collections.abc import Iterator
from typing import Final

import click

from broker.cli.main import ROOT

_CONTINUED: Final = re.compile(r"\\\n\s*")
_COMMAND: Final = re.compile(r"^ *(?:\$ )?(broker [a-z].*)$", re.MULTILINE)
_SUBSTITUTED: Final = re.compile(r"\$\([^()]*\)")
_CHILD: Final = re.compile(r"\s--\s.*", re.DOTALL)
_ENDS: Final = re.compile(r"\s(?:\|\|?|&&?|2?>{1,2}|<|#|;)(?:\s|&)|;\s|\s&$| \| ")
_INLINE: Final = re.compile(r"`(broker [^`…]+)")
_FENCED: Final = re.compile(r"^ *```.*?```", re.MULTILINE | re.DOTALL)


def in_block(text: str) -> Iterator[str]:
    """Yield the commands of one block, each without what a shell does around it."""
    flat = _CONTINUED.sub(" ", text)
    inner = [found[0][2:-1] for found in _SUBSTITUTED.finditer(flat)]
    outer = _SUBSTITUTED.sub("WORD", flat)
    for line in _COMMAND.findall("\n".join([outer, *inner])):
        yield _bare(line)


def _bare(line: str) -> str:
    return _ENDS.split(_CHILD.sub(" -- true", line) + " ")[0].strip()


def on_page(text: str) -> list[str]:
    """Return every command of a page: of its blocks and within its prose."""
    blocks = [each for block in _FENCED.findall(text) for each in in_block(block)]
    prose = [_bare(each) for each in _INLINE.findall(_FENCED.sub("", text))]
    return sorted({*blocks, *prose})


def require_parsed(line: str) -> None:
    """Let the command's own parser read a line, down to the options.

    Raises:
        click.UsageError: there is no such option, or it lacks its value.
        AssertionError: there is no such command.
    """
    words = shlex.split(line)[1:]
    command: click.Command = ROOT
    context = click.Context(ROOT, info_name="broker")
    while isinstance(command, click.Group) and words:
        below = command.get_command(context, words[0])
        assert below is not None, f"there is no command `broker {words[0]}`: {line}"
        context = click.Context(below, parent=context, info_name=words[0])
        command, words = below, words[1:]
    command.make_parser(context).parse_args(words)
