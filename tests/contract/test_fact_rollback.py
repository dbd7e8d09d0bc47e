"""Taking a revision back: what it changed is as it was, and what came since stays."""

import pytest

from broker.errors import InvalidChangeError, NotFoundError
from broker.fact_history import FactHistory
from broker.facts.change import Change, ChangeSet, DropThing, LiftHold
from broker.facts.facts import Facts
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.store.link import Link
from tests.fakes.clock import FakeClock
from tests.fakes.facts import hold, put, ref, relate, unrelate
from tests.fakes.facts_kit import FactsKit

FAR_MS = 10**13
NOW_MS = 1_000_000


def operator(*tenants: str) -> Principal:
    """Make an operator of tenants."""
    who = frozenset(tenants)
    return Principal(Kind.OPERATOR, "olga", who, "i", "https://i.example", "olga", FAR_MS)


ACME, ALL = operator("acme"), operator(ALL_TENANTS)


@pytest.fixture
def kit(link: Link) -> FactsKit:
    """An empty log."""
    return FactsKit(link)


async def made(kit: FactsKit, *changes: Change, source: str = "") -> int:
    """Append a set; return the revision."""
    return (await kit.append(ChangeSet("operator:olga", "x", changes, source))).revision


async def taken_back(kit: FactsKit, revision: int, who: Principal = ALL) -> Facts:
    """Take a revision back; return the facts after that."""
    back = await FactHistory(kit.log, FakeClock(NOW_MS)).inverse(
        who, revision, await kit.loaded(), "a mistake"
    )
    await kit.append(back)
    return await kit.loaded()


def said(facts: Facts) -> tuple[set[object], set[object], set[object]]:
    """Return all that the log says."""
    things = {thing for thing in facts.things() if thing.source != "bundle"}
    return things, set(facts.relationships()), set(facts.held())


async def test_each_kind_of_change_has_a_way_back(kit: FactsKit) -> None:
    """Then all is as it was: values, sources, holds, and what fell with a thing."""
    await made(
        kit,
        *(put("ticket:T-1", purpose="first"), put("ticket:T-2"), put("dataset:d")),
        *(put("person:ann"), relate("ticket:T-1 concerns dataset:d", until=9_000_000)),
        relate("person:ann entitled-to dataset:d"),
        source="desk",
    )
    await made(kit, hold("ticket:T-2"))
    for changes in (
        [put("ticket:T-1", purpose="second", status="closed")],
        [put("ticket:T-3"), relate("ticket:T-3 concerns dataset:d")],
        [hold("ticket:T-1")],
        [LiftHold(ref("ticket:T-2"))],
        [relate("ticket:T-1 concerns dataset:d")],
        [unrelate("person:ann entitled-to dataset:d")],
        [DropThing(ref("dataset:d"), cascade=True)],
        [put("dataset:d", data_class="pii"), hold("dataset:d"), put("ticket:T-9")],
    ):
        before = said(await kit.loaded())
        revision = await made(kit, *changes)
        assert said(await kit.loaded()) != before

        assert said(await taken_back(kit, revision)) == before, changes


async def test_what_came_since_stays(kit: FactsKit) -> None:
    """Taking back is no going back in time."""
    await made(kit, put("ticket:T-1"))
    mistake = await made(kit, hold("ticket:T-1"))
    await made(kit, put("ticket:T-2"))

    facts = await taken_back(kit, mistake)

    assert facts.stands(ref("ticket:T-1"))
    assert facts.stands(ref("ticket:T-2"))


async def test_what_was_changed_since_is_not_overwritten(kit: FactsKit) -> None:
    """Nothing is taken back then, and all that stands in the way is named."""
    await made(kit, put("ticket:T-1"), put("ticket:T-2"), put("dataset:d"))
    mistake = await made(
        kit,
        *(put("ticket:T-1", purpose="x"), put("ticket:T-2", purpose="x")),
        relate("ticket:T-1 concerns dataset:d"),
    )
    await made(
        kit,
        put("ticket:T-1", purpose="y"),
        relate("ticket:T-1 concerns dataset:d", until=NOW_MS * 3),
    )

    with pytest.raises(InvalidChangeError) as caught:
        await taken_back(kit, mistake)

    assert [fault.field for fault in caught.value.faults] == [
        "changes[0].thing",
        "changes[2].relationship",
    ]


async def test_each_operator_takes_back_its_own_part(kit: FactsKit) -> None:
    """Of another tenant nothing, as if it were not there (I16)."""
    mixed = await made(kit, put("ticket:T-1"), put("ticket:G-1", "globex"))
    theirs = await made(kit, put("ticket:G-2", "globex"))

    facts = await taken_back(kit, mixed, ACME)

    assert facts.thing(ref("ticket:T-1")) is None
    assert facts.thing(ref("ticket:G-1", "globex")) is not None
    for revision in (theirs, 99):
        with pytest.raises(NotFoundError):
            await taken_back(kit, revision, ACME)


async def test_a_revision_that_came_to_nothing_has_no_way_back(kit: FactsKit) -> None:
    """It is said, rather than an empty revision made."""
    await made(kit, put("ticket:T-1"))
    same = await made(kit, put("ticket:T-1"))

    with pytest.raises(InvalidChangeError, match="nothing of it is left"):
        await taken_back(kit, same)


async def test_a_way_back_can_be_taken_back(kit: FactsKit) -> None:
    """To and fro."""
    await made(kit, put("ticket:T-1"))
    held = await made(kit, hold("ticket:T-1"))
    await taken_back(kit, held)

    assert not (await taken_back(kit, held + 1)).stands(ref("ticket:T-1"))
