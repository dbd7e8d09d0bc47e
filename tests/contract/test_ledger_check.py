"""`broker ledger check`: a sound ledger is called sound, and each fault by its name."""

import pytest

from broker.ids import LeaseId
from broker.ledger_check import Finding, LedgerCheck
from broker.model.task import Task
from broker.store.link import Link
from tests.fakes.verbs_kit import VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)


@pytest.fixture
async def kit(link: Link) -> VerbsKit:
    """The verbs over a ledger that has a control record."""
    kit = VerbsKit(link)
    await kit.ledger.control.create()
    return kit


async def found(kit: VerbsKit) -> list[Finding]:
    """Walk the ledger."""
    return await LedgerCheck(kit.link, kit.ledger).run(lambda done, total: None)  # noqa: ARG005


async def busy(kit: VerbsKit) -> tuple[Task, LeaseId]:
    """Leave a ledger in which things live, have ended, and are about to."""
    task = await kit.open()
    lease = LeaseId(await kit.issue(task))
    given_back = LeaseId(await kit.issue(task))
    await kit.verbs.credentials.give_back(kit.agent, given_back)
    child = await kit.open(parent=None)
    await kit.issue(child)
    return task, lease


async def test_a_ledger_in_use_is_sound(kit: VerbsKit) -> None:
    """And nothing in it is touched."""
    await busy(kit)

    assert await found(kit) == []


async def test_an_empty_ledger_says_what_is_missing(link: Link) -> None:
    """There is no control record yet."""
    kit = VerbsKit(link)

    (finding,) = await found(kit)

    assert (finding.severity, finding.where) == ("fail", "control record")
    assert "broker keys init" in finding.remedy


async def test_each_fault_is_named(kit: VerbsKit) -> None:
    """By where it is; one after the other."""
    task, lease = await busy(kit)
    bucket = kit.ledger.keys.of(lease)
    read = kit.link.read

    await read("ZREM", bucket.due, f"l:{lease}:{task.spec.id}")
    (finding,) = await found(kit)
    assert (finding.where, finding.what) == (lease, "alive, and nobody will end it")

    await read("DEL", bucket.lease(lease))
    assert ("fail", lease) in [(each.severity, each.where) for each in await found(kit)]
    assert [each for each in await found(kit) if each.severity == "warn"]  # its places count on

    await read("DEL", bucket.task(task.spec.id))
    findings = {each.where: each.what for each in await found(kit)}
    assert findings[task.spec.id] == "an index names it, and it is not there"


async def test_a_gap_in_an_outbox_is_a_fault(kit: VerbsKit) -> None:
    """Numbers are dense, and the last one is the bucket's."""
    task, _ = await busy(kit)
    bucket = kit.ledger.keys.of(task.spec.id)

    await kit.link.read("XDEL", bucket.out, "2-0")

    wheres = [each.where for each in await found(kit)]
    assert len(wheres) == 1
    assert wheres[0].startswith("outbox ")


async def test_a_record_of_another_kind_is_a_fault(kit: VerbsKit) -> None:
    """It hides none of the others."""
    task, lease = await busy(kit)
    bucket = kit.ledger.keys.of(lease)
    await kit.link.read("DEL", bucket.lease(lease))
    await kit.link.read("SET", bucket.lease(lease), "garbage")
    await kit.link.read("HSET", bucket.task(task.spec.id), "spec", "garbage")

    findings = {each.where: each.what for each in await found(kit)}

    assert findings[task.spec.id] == "its record cannot be read"
