"""Changing an agent's record in ``agents.yaml`` as text: everything else stays, comments, too."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import yaml


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be said of an agent; an empty ``review_by`` leaves that as it is."""

    agent: str
    verdict: str
    ceiling: tuple[str, ...]
    review_by: str


def patch_of(text: str, wanted: Sequence[Wanted], name: str) -> str:
    """Return a unified diff that makes the text say what is wanted; empty if it says so.

    Raises:
        ValueError: an agent is not in it, or it is no file of agents.
    """
    changed = text
    for each in wanted:
        changed = _said(changed, each)
    lines = difflib.unified_diff(
        text.splitlines(keepends=True), changed.splitlines(keepends=True), name, name
    )
    return "".join(lines)


def _said(text: str, wanted: Wanted) -> str:
    if wanted.verdict == "revoke":
        return _set(text, wanted.agent, "status", ("retired",))
    if wanted.verdict == "narrow":
        text = _set(text, wanted.agent, "ceiling", wanted.ceiling, is_list=True)
    return _set(text, wanted.agent, "review_by", (wanted.review_by,)) if wanted.review_by else text


def _set(text: str, agent: str, key: str, values: tuple[str, ...], *, is_list: bool = False) -> str:
    """Put a member into an agent's record, in the place of the one that it has."""
    lines = text.splitlines(keepends=True)
    record = _record(text, agent)
    indent = " " * record.start_mark.column
    new = [f"{indent}{key}: {values[0]}\n"]
    if is_list:
        new = [f"{indent}{key}:\n", *(f"{indent}  - {each}\n" for each in values)]
    if record.flow_style:
        raise ValueError(f"agent {agent} is written in one line: write it as a block")
    for name, value in record.value:
        if name.value == key:
            start, end = name.start_mark.line, _last(value)
            return "".join([*lines[:start], *new, *lines[end + 1 :]])
    end = max(_last(value) for _, value in record.value)
    if not lines[end].endswith("\n"):
        lines[end] += "\n"
    return "".join([*lines[: end + 1], *new, *lines[end + 1 :]])


def _last(node: yaml.Node) -> int:
    """Return the last line that a value is on: a block's own end is where the next thing begins."""
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return max((_last(each) for each in node.value), default=node.start_mark.line)
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return max((_last(value) for _, value in node.value), default=node.start_mark.line)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.line) - 1
    return int(node.end_mark.line)


def _record(text: str, agent: str) -> yaml.MappingNode:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for section, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if section.value == "agents" and isinstance(value, yaml.SequenceNode):
            for record in value.value:
                if isinstance(record, yaml.MappingNode) and _named(record) == agent:
                    return record
    raise ValueError(f"agent {agent} is not in it")


def _named(record: yaml.MappingNode) -> str:
    return next((str(value.value) for key, value in record.value if key.value == "name"), "")
