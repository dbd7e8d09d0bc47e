"""What two bundles say differently, in the words of their files.

Records are compared by name and member by member, lists of names as sets, policies and schema line
by line: an operator reads what changes, not how its text moved.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from broker.governance.document import BundleDocument, PolicyFile

_NAMED: Final = {
    "tenants": "name",
    "teams": "name",
    "agents": "name",
    "orchestrators": "name",
    "operators": "name",
    "capabilities": "name",
    "resource_servers": "audience",
    "tests": "name",
}
"""The sections of records, and what names a record in each."""

_CONTEXT: Final = 1
"""Lines shown around a changed line of policy."""


class ChangeKind(StrEnum):
    """What became of a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One member of a record. Of a list of names only what came and what went."""

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Change:
    """One record, policy file or setting that is not what it was.

    ``lines`` shows text that changed, each line beginning with a space, a plus or a minus.
    """

    section: str
    name: str
    kind: ChangeKind
    members: tuple[MemberChange, ...] = ()
    lines: tuple[str, ...] = ()


def difference(before: BundleDocument | None, after: BundleDocument) -> tuple[Change, ...]:
    """Compare two bundles; with None everything is new."""
    return tuple(_changes(before, after))


def _changes(before: BundleDocument | None, after: BundleDocument) -> Iterator[Change]:
    for section, key in _NAMED.items():
        old = () if before is None else getattr(before, section)
        yield from _records(section, key, old, getattr(after, section))
    yield from _policies(() if before is None else before.policies, after.policies)
    schema = "" if before is None else before.schema
    if schema != after.schema:
        kind = ChangeKind.CHANGED if schema else ChangeKind.ADDED
        yield Change("schema", "", kind, lines=_lines(schema, after.schema))
    if before is not None and before.offline_max_ttl_seconds != after.offline_max_ttl_seconds:
        member = MemberChange(
            "offline_max_ttl_seconds",
            before.offline_max_ttl_seconds,
            after.offline_max_ttl_seconds,
        )
        yield Change("settings", "", ChangeKind.CHANGED, (member,))


def _records(
    section: str, key: str, old: Sequence[msgspec.Struct], new: Sequence[msgspec.Struct]
) -> Iterator[Change]:
    before = {str(getattr(record, key)): record for record in old}
    after = {str(getattr(record, key)): record for record in new}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield Change(section, name, ChangeKind.REMOVED)
        elif name not in before:
            members = tuple(_members(None, after[name], key))
            yield Change(section, name, ChangeKind.ADDED, members)
        elif before[name] != after[name]:
            members = tuple(_members(before[name], after[name], key))
            yield Change(section, name, ChangeKind.CHANGED, members)


def _members(old: msgspec.Struct | None, new: msgspec.Struct, key: str) -> Iterator[MemberChange]:
    for name in new.__struct_fields__:
        after, before = _plain(new, name), _plain(old, name)
        if name == key or before == after or (old is None and after in (None, [], {})):
            continue
        yield MemberChange(name, *_narrowed(before, after))


def _plain(record: msgspec.Struct | None, name: str) -> object:
    value = getattr(record, name, None)
    return None if value is msgspec.UNSET else msgspec.to_builtins(value)


def _narrowed(before: object, after: object) -> tuple[object, object]:
    """Leave away what two lists of names have in common."""
    if not isinstance(before, tuple) or not isinstance(after, tuple):
        return before, after
    return [each for each in before if each not in after], [
        each for each in after if each not in before
    ]


def _policies(old: Sequence[PolicyFile], new: Sequence[PolicyFile]) -> Iterator[Change]:
    before = {policy.file: policy.text for policy in old}
    after = {policy.file: policy.text for policy in new}
    for file in sorted(before.keys() | after.keys()):
        was, is_now = before.get(file, ""), after.get(file, "")
        if file not in after:
            yield Change("policies", file, ChangeKind.REMOVED, lines=_lines(was, ""))
        elif file not in before:
            yield Change("policies", file, ChangeKind.ADDED, lines=_lines("", is_now))
        elif was != is_now:
            yield Change("policies", file, ChangeKind.CHANGED, lines=_lines(was, is_now))


def _lines(before: str, after: str) -> tuple[str, ...]:
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT)
    # The first two name files, and there are none.
    return tuple(line for line in list(found)[2:] if not line.startswith("@@"))
