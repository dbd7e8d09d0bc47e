"""What operators see of the history of facts: what was changed in their tenants, and no more."""

import pytest

from broker.errors import AccessDeniedError, InvalidRequestError, NotFoundError
from broker.fact_history import FactHistory
from broker.facts.change import Change, ChangeSet
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.facts import hold, put
from tests.fakes.facts_kit import FactsKit

FAR_MS = 10**13
NOW_MS = 1_000_000


def operator(*tenants: str, kind: Kind = Kind.OPERATOR) -> Principal:
    """Make an operator of tenants."""
    return Principal(kind, "olga", frozenset(tenants), "i", "https://i.example", "olga", FAR_MS)


ACME, GLOBEX, ALL = operator("acme"), operator("globex"), operator(ALL_TENANTS)


def change(*changes: Change, by: str = "operator:olga", why: str = "INC-7") -> ChangeSet:
    """Make a set."""
    return ChangeSet(by, why, changes)


@pytest.fixture
async def history(link: Link) -> FactHistory:
    """Of acme, of globex, of both at once in two parts, and of both in one."""
    kit = FactsKit(link)
    await kit.append(change(put("ticket:T-1"), hold("ticket:T-1")))
    await kit.append(change(put("ticket:G-1", "globex"), by="operator:gina", why="theirs"))
    await kit.append(
        change(put("ticket:T-2"), why="ours"),
        change(put("ticket:G-2", "globex"), by="operator:gina", why="theirs"),
    )
    await kit.append(change(put("ticket:T-3"), put("ticket:G-3", "globex"), by="operator:root"))
    return FactHistory(kit.log, FakeClock(NOW_MS))


async def revisions(history: FactHistory, who: Principal, tenant: str = "") -> list[int]:
    """List to the end, two to a page."""
    found: list[int] = []
    cursor = ""
    while True:
        page = await history.find(who, tenant, cursor, 2)
        found += [each.revision for each in page.entries]
        if not page.cursor:
            return found
        cursor = page.cursor


async def test_each_operator_sees_what_touches_its_tenants(history: FactHistory) -> None:
    """Newest first; narrowed to one tenant, and never to another's."""
    assert await revisions(history, ALL) == [4, 3, 2, 1]
    assert await revisions(history, ACME) == [4, 3, 1]
    assert await revisions(history, GLOBEX) == [4, 3, 2]
    assert await revisions(history, ALL, "globex") == [4, 3, 2]
    assert await revisions(history, ACME, "globex") == []
    assert await revisions(history, operator("nosuch")) == []


async def test_of_what_several_changed_each_sees_its_own_part(history: FactHistory) -> None:
    """Who, why, how much and which: nothing of it is another tenant's (I16)."""
    both, two_parts, _ = (await history.find(GLOBEX, "", "", 10)).entries

    assert (two_parts.by, two_parts.reason) == ("operator:gina", "theirs")
    assert (two_parts.counts, two_parts.names) == ({"put": 1}, ("ticket:G-2",))
    assert (both.by, both.counts, both.names) == ("operator:root", {"put": 1}, ("ticket:G-3",))
    whole = (await history.find(ALL, "", "", 1)).entries[0]
    assert (whole.counts, whole.names) == ({"put": 2}, ("ticket:T-3", "ticket:G-3"))


async def test_a_revision_is_shown_with_its_changes_page_by_page(history: FactHistory) -> None:
    """As they were made."""
    first = await history.show(ACME, 1, "", 1)
    rest = await history.show(ACME, 1, first.cursor, 1)

    assert (*first.changes, *rest.changes) == (put("ticket:T-1"), hold("ticket:T-1"))
    assert rest.cursor == ""
    assert (await history.show(GLOBEX, 3, "", 9)).changes == (put("ticket:G-2", "globex"),)


async def test_a_revision_of_others_is_as_absent_as_none(history: FactHistory) -> None:
    """And to nobody but operators anything is shown."""
    for who, revision in ((ACME, 2), (GLOBEX, 1), (ACME, 99)):
        with pytest.raises(NotFoundError):
            await history.show(who, revision, "", 10)
    agent = operator("acme", kind=Kind.AGENT)
    with pytest.raises(AccessDeniedError):
        await history.find(agent, "", "", 10)
    with pytest.raises(AccessDeniedError):
        await history.show(agent, 1, "", 10)
    for cursor in ("x", "-1", "1.5", "9" * 30):
        with pytest.raises(InvalidRequestError):
            await history.find(ACME, "", cursor, 10)
