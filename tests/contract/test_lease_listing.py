"""Where a lease has its task listed, and for how long a task lists its leases."""

import pytest

from broker.store.limits import Limits
from broker.store.link import Link
from tests.fakes.ledger_kit import MINUTE, LedgerKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

ISSUER, OTHER_ISSUER = "https://issuer.example", "https://other.example"


@pytest.fixture
def kit(link: Link) -> LedgerKit:
    """A ledger."""
    return LedgerKit(link)


@pytest.mark.parametrize(
    ("changes", "kind", "name"),
    [
        ({"capability": "reports-api"}, "capability", "reports-api"),
        ({"evidence_issuer": OTHER_ISSUER}, "issuer", OTHER_ISSUER),
    ],
)
async def test_a_task_is_listed_by_whatever_any_of_its_leases_has(
    kit: LedgerKit, changes: dict[str, str], kind: str, name: str
) -> None:
    """Orders find it by what its second lease has as well as by what its first one has."""
    task = await kit.open()
    bucket = kit.keys.of(task.id)

    for lease in ({}, changes, {}):
        await kit.grant(task, **lease)

    for listed in (name, {"capability": "orders-api", "issuer": ISSUER}[kind]):
        assert await kit.link.read("ZRANGE", bucket.index(kind, listed), 0, -1) == [task.id]


async def test_whoever_heard_of_any_lease_hears_of_the_end(kit: LedgerKit) -> None:
    """Another audience, and then the first one again."""
    task = await kit.open()

    for audience in ("https://a", "https://b", "https://a"):
        await kit.grant(task, audience=audience)

    heard = await kit.link.read("SMEMBERS", kit.keys.of(task.id).audiences(task.id))
    assert sorted(heard) == ["https://a", "https://b"]


async def test_a_child_has_its_own_leases_listed(kit: LedgerKit) -> None:
    """What its parent had listed says nothing of it."""
    parent = await kit.open()
    child = await kit.open(parent)

    for task in (parent, child):
        await kit.grant(task)

    index = kit.keys.of(parent.id).index("capability", "orders-api")
    assert sorted(await kit.link.read("ZRANGE", index, 0, -1)) == sorted([parent.id, child.id])


@pytest.mark.parametrize(("passed_ms", "left"), [(4 * MINUTE, 2), (6 * MINUTE, 1)])
async def test_a_task_forgets_leases_whose_records_are_gone(
    link: Link, passed_ms: int, left: int
) -> None:
    """After the longest life and the retention; a task that is older than that has such."""
    kit = LedgerKit(link, limits=Limits(lease_ms=3 * MINUTE, retention_ms=2 * MINUTE))
    task = await kit.open(ttl_ms=30 * MINUTE)
    await kit.grant(task)
    await kit.pass_time(task.id, passed_ms)

    last = await kit.grant(task)

    names = await link.read("ZRANGE", kit.keys.of(task.id).leases(task.id), 0, -1)
    assert (len(names), names[-1]) == (left, last.lease)
