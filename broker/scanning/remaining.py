"""What is left for people to fill in, with the line of each."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from broker.scanning.stanzas import CHANGE, NO_ACCOUNT

_WHAT: Final[Mapping[str, str]] = {
    "tables": "which tables it may read",
    "database": "which database",
    "host": "at which server",
    "Resource": "which bucket, or other resource",
    "account": "the twelve digits of the account",
    "role_arn": "the account that has the role",
    "address": "where Vault is",
    "owner": "who answers for the agent",
    "audience": "which database",
}
_ALSO: Final[Mapping[str, str]] = {
    "password_file": "put there the password of the broker's own role: {}",
    "path": "make this role in Vault, and the policy that reads it: {}",
    "role_arn": "make this role (broker aws bootstrap), and write what it may do: {}",
}
"""What has to be there besides: nothing is to be edited, if it is made as it says."""

_Path: TypeAlias = tuple[str, ...]
"""Keys, from the root."""


class Left(NamedTuple):
    """One thing that somebody has to do."""

    file: Path
    line: int
    key: str
    what: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.file}:{self.line}: {self.key}: {self.what}"


def remaining(file: Path, text: str, before: str) -> Iterator[Left]:
    """Yield what a text says ``CHANGE-ME`` for, and what was not there before needs besides."""
    known = set(before.split("\n"))
    lines = text.split("\n")
    for path, node in _scalars(yaml.compose(text, Loader=yaml.SafeLoader), ()):
        line = node.start_mark.line
        key = next((part for part in reversed(path) if not part.isdigit()), "")
        if CHANGE in node.value or NO_ACCOUNT in node.value:
            yield Left(file, line + 1, ".".join(path), _WHAT.get(key, "what only you know"))
        elif key in _ALSO and lines[line] not in known:
            yield Left(file, line + 1, ".".join(path), _ALSO[key].format(node.value))


def _scalars(node: Node | None, path: _Path) -> Iterator[tuple[_Path, ScalarNode]]:
    match node:
        case ScalarNode():
            yield path, node
        case SequenceNode():
            for number, each in enumerate(node.value):
                yield from _scalars(each, (*path, _called(each) or str(number)))
        case MappingNode():
            for key, value in node.value:
                yield from _scalars(value, (*path, str(key.value)))
        case _:
            return


def _called(node: Node) -> str:
    """Return the name of a record: it says more than its number."""
    if not isinstance(node, MappingNode):
        return ""
    names = [value.value for key, value in node.value if key.value == "name"]
    return str(names[0]) if names else ""
