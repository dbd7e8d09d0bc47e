"""Records into a list of a YAML file, every line of which stays as it is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from broker.errors import ConfigurationError

_MARK = "\ufeff"
_WIDTH = 120
_SHORT = 64
"""Characters of a list or a mapping that may stand in one line, as people write it."""


class _Dumper(yaml.SafeDumper):
    """Writes what is short in one line."""

    def represent_sequence(
        self,
        tag: str,
        sequence: Any,  # noqa: ANN401 - as there
        flow_style: bool | None = None,  # noqa: FBT001 - as there
    ) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style or _is_short(sequence))

    def represent_mapping(
        self,
        tag: str,
        mapping: Any,  # noqa: ANN401 - as there
        flow_style: bool | None = None,  # noqa: FBT001 - as there
    ) -> yaml.MappingNode:
        is_short = "name" not in mapping and _is_short([*mapping.values(), *mapping])
        return super().represent_mapping(tag, mapping, flow_style or is_short)


def inserted(text: str, key: str, records: Sequence[dict[str, Any]], file: Path) -> str:
    """Return a text with records at the end of a list; comments and layout are kept.

    Raises:
        ConfigurationError: the list is not written line by line, or the text would not say the
            same as before and these besides. ``file`` is only named.
    """
    if not records:
        return text
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.split("\n")
    head = _head(lines, key, file)
    lines[head] = _opened(lines[head], key)
    end = _end(lines, head + 1)
    indent = _indent(lines[head + 1 : end])
    added = [f"{line}{ending[:-1]}" for line in _written(records, indent)]
    if end == head + 1:  # the first ones need no blank line above
        del added[0]
    if end == len(lines):  # the last line has no end
        lines[-1] += ending[:-1]
        added.append("")
    found = "\n".join([*lines[:end], *added, *lines[end:]])
    if not _is_same_and_more(text, found, key, records):
        raise ConfigurationError(f"{file}: its `{key}` cannot be added to: do it by hand")
    return found


def _written(records: Sequence[dict[str, Any]], indent: str) -> Iterator[str]:
    """Yield the lines of records, a blank one above each; short lists stand in one line."""
    for record in records:
        yield ""
        text = yaml.dump(
            [record], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
        )
        yield from (f"{indent}{line}" for line in text.splitlines())


def _head(lines: list[str], key: str, file: Path) -> int:
    heads = [number for number, line in enumerate(lines) if _is_head(line, key)]
    if len(heads) != 1:
        raise ConfigurationError(
            f"{file}: `{key}:` does not begin a list of lines: add to it by hand"
        )
    return heads[0]


def _is_head(line: str, key: str) -> bool:
    said = line.partition(" #")[0].removeprefix(_MARK).rstrip()
    return said == f"{key}:" or (said.startswith(f"{key}:") and said.split() == [f"{key}:", "[]"])


def _opened(line: str, key: str) -> str:
    """Return the head of a list to which lines can be added: an empty one is written `[]`."""
    return line.replace("[]", "", 1) if f"{key}:" in line and "[]" in line else line


def _end(lines: list[str], start: int) -> int:
    """Return after which line a list has ended: before the next key, and what is said above it."""
    end = start
    for number in range(start, len(lines)):
        line = lines[number]
        if line.strip() and not line.startswith((" ", "-", "#")):
            break
        if line.strip() and not line.startswith("#"):
            end = number + 1
    return end


def _indent(lines: list[str]) -> str:
    items = [line for line in lines if line.lstrip().startswith("- ")]
    return items[0][: len(items[0]) - len(items[0].lstrip())] if items else "  "


def _is_same_and_more(before: str, after: str, key: str, records: Sequence[dict[str, Any]]) -> bool:
    try:
        old, new = yaml.safe_load(before), yaml.safe_load(after)
    except yaml.YAMLError:
        return False
    return bool(new == old | {key: [*(old[key] or []), *records]})


def _is_short(values: Sequence[Any]) -> bool:
    texts = [each for each in values if isinstance(each, (str, int))]
    inner = [each for each in values if isinstance(each, list) and _is_short(each)]
    if len(texts) + len(inner) < len(values):
        return False
    return sum(len(str(each)) + 2 for each in values) < _SHORT
