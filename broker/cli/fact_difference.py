"""How what files declare differs from what stands: as a document, like a change of the bundle."""

from collections.abc import Iterator

from msgspec.structs import asdict

from broker.cli.screen import Document
from broker.clock import rfc3339
from broker.facts.documents import Difference
from broker.model.fact import Relationship, Thing

_HIDDEN = frozenset({"kind", "tenant", "name", "source", "edited", "hold"})
_EDGE = frozenset({"subject", "relation", "object", "edited"})


def changes(difference: Difference) -> list[Document]:
    """Describe what would be put, dropped, related and unrelated."""
    return [
        *(_thing(old, new) for old, new in difference.put),
        *(_change("things", str(old.ref), "removed") for old in difference.dropped),
        *(_edge(old, new) for old, new in difference.related),
        *(_change("relationships", str(old.key), "removed") for old in difference.unrelated),
    ]


def notes(difference: Difference) -> list[str]:
    """Say what of it undoes somebody's work, takes it over, or ends what others made."""
    found = [f"{name} was changed by hand since it was declared" for name in difference.drifted]
    found += [f"{name} was made by hand, and is declared now" for name in difference.taken_over]
    found += [f"{edge.key} ends with its thing" for edge in difference.lost_with]
    return found


def _thing(old: Thing | None, new: Thing) -> Document:
    before = {} if old is None else asdict(old)
    members = list(_members(before, asdict(new), _HIDDEN))
    return _change("things", str(new.ref), "added" if old is None else "changed", members)


def _edge(old: Relationship | None, new: Relationship) -> Document:
    before = {} if old is None else _plain(old)
    members = list(_members(before, _plain(new), _EDGE))
    return _change("relationships", str(new.key), "added" if old is None else "changed", members)


def _plain(edge: Relationship) -> dict[str, object]:
    until = rfc3339(edge.expires_at_ms) if edge.expires_at_ms else ""
    return {"expires_at": until, "source": edge.source}


def _members(
    before: dict[str, object], after: dict[str, object], hidden: frozenset[str]
) -> Iterator[Document]:
    for name, value in after.items():
        was = before.get(name)
        if name in hidden or was == value or (not before and value in ("", 0, ())):
            continue
        yield {"name": name, "before": was or None, "after": value or None}


def _change(section: str, name: str, kind: str, members: list[Document] | None = None) -> Document:
    return {"section": section, "name": name, "kind": kind, "members": members or [], "lines": []}
