"""Whom a cut concerns, so that what it killed can be cleaned up and reported.

The cut itself has killed already: nothing here decides what is alive.
"""

from typing import Final

from broker.model.lease import Lease
from broker.model.requests import SelectorKind
from broker.model.task import TaskSpec
from broker.store.cut_ledger import Cut
from broker.store.task_tree import Index, Seen, TaskTree

_INDEXES: Final = {
    SelectorKind.AGENT: "agent",
    SelectorKind.CAPABILITY: "capability",
    SelectorKind.ISSUER: "issuer",
    SelectorKind.TENANT: "tenant",
    SelectorKind.ALL: "all",
    SelectorKind.KEY: "all",
    SelectorKind.SESSION: "by-session",
    SelectorKind.SUBJECT: "by-subject",
    SelectorKind.PERSON: "by-person",
}


class Populations:
    """Lists the tasks that a cut may concern, oldest first."""

    def __init__(self, tree: TaskTree) -> None:
        self._tree = tree

    async def page(
        self, bucket: int, cut: Cut, before_ms: int, after: Seen | None, limit: int
    ) -> list[Seen]:
        """Return the next tasks of one bucket that are old enough for the cut."""
        # No index knows of keys: what one signed may be in any task.
        name = "" if cut.of is SelectorKind.KEY else cut.name
        index = Index(_INDEXES[cut.of], name)
        return await self._tree.older(bucket, index, before_ms, after, limit)


def reaches(cut: Cut, spec: TaskSpec) -> bool:
    """Tell whether the cut can concern the task at all, or leases in it."""
    if cut.of in (SelectorKind.CAPABILITY, SelectorKind.ISSUER, SelectorKind.KEY):
        return cut.tenant in ("", spec.tenant)
    return ends_task(cut, spec)


def ends_task(cut: Cut, spec: TaskSpec) -> bool:
    """Tell whether the cut ends the whole task (given that the task is old enough)."""
    if cut.tenant and cut.tenant != spec.tenant:
        return False
    match cut.of:
        case SelectorKind.ALL:
            return True
        case SelectorKind.TENANT:
            return spec.tenant == cut.name
        case SelectorKind.AGENT:
            return spec.agent == cut.name
        case SelectorKind.ISSUER:
            return spec.opener_issuer == cut.name
        case _:
            return _ends_session(cut, spec)


def ends_ancestor(cut: Cut, spec: TaskSpec) -> bool:
    """Tell whether the cut ends an ancestor of the task, and the task with it."""
    if cut.tenant and cut.tenant != spec.tenant:
        return False
    match cut.of:
        case SelectorKind.ALL:
            return len(spec.path) > 1
        case SelectorKind.TENANT:
            return len(spec.path) > 1 and spec.tenant == cut.name
        case SelectorKind.AGENT:
            return cut.name in spec.actors[:-1]
        case SelectorKind.ISSUER:
            return cut.name in spec.issuers[:-1]
        case _:
            return len(spec.path) > 1 and _ends_session(cut, spec)


def _ends_session(cut: Cut, spec: TaskSpec) -> bool:
    """Tell whether the cut ends the session in which a person opened the tree."""
    return spec.lender is not None and cut.field in spec.lender.ended_with(spec.tenant)


def ends_lease(cut: Cut, lease: Lease, before_ms: int) -> bool:
    """Tell whether the cut ends this lease by itself, its task staying open."""
    spec = lease.spec
    if cut.of is SelectorKind.KEY:
        return spec.key_id == cut.name
    if lease.issued_at_ms > before_ms or (cut.tenant and cut.tenant != spec.tenant):
        return False
    if cut.of is SelectorKind.CAPABILITY:
        return spec.capability == cut.name
    return cut.of is SelectorKind.ISSUER and spec.evidence_issuer == cut.name
