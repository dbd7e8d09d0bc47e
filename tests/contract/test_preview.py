"""The preview: exactly the leases that a candidate would kill, with why, and nothing is touched."""

from pathlib import Path

import pytest

from broker.affected import EVERYTHING as EVERYTHING_IS
from broker.affected import Affected
from broker.errors import InvalidRequestError
from broker.lease_walk import LeaseWalk
from broker.model.capability import Ceiling
from broker.model.principal import Kind
from broker.model.requests import IssueCredential
from broker.model.task import Task
from broker.preview import Preview
from broker.store import codec
from broker.store.link import Link
from broker.store.task_tree import EVERY_TASK, Index
from tests.fakes.candidates import REVISION, Candidate
from tests.fakes.ledger_view import LedgerView
from tests.fakes.redis_servers import SingleServer
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

EVERYTHING = (
    Ceiling("orders-api", frozenset({"orders:read", "orders:write"})),
    Ceiling("reports-read", frozenset({"reports:read"})),
)

FREEZE = """
@id("freeze")
forbid (principal, action, resource);
"""

SHORT = """
@id("short-reads")
@max_ttl_seconds("30")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant && context.scopes.contains("orders:read") };
"""


BOUND = """
@id("bound-reads")
@binding("dpop")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant && context.scopes.contains("orders:read") };
"""

APPROVED = BOUND.replace("bound", "approved").replace('@binding("dpop")', '@approval("oncall")')


class Hall:
    """Two agents, each with some leases, and a preview over them."""

    def __init__(self, link: Link) -> None:
        self.kit = VerbsKit(link)
        self.helper = self.kit.principal(Kind.AGENT, "helper-bot", "pod-1")
        self.preview = Preview.over(self.kit.ledger)
        self.ids: dict[str, str] = {}

    async def fill(self) -> "Hall":
        """Let them have what they ask for."""
        task = await self.kit.open(tickets=("T-1",), ceiling=EVERYTHING)
        self.ids["read"] = await self.issue(task, "orders-api", "orders:read")
        self.ids["write"] = await self.issue(task, "orders-api", "orders:write")
        self.ids["reports"] = await self.issue(task, "reports-read", "reports:read")
        child = await self.kit.open_child(task)
        self.ids["child"] = await self.issue(child, "orders-api", "orders:read")
        helper = await self.kit.open(agent="helper-bot")
        self.ids["helper"] = await self.issue(helper, "orders-api", "orders:read", is_helper=True)
        return self

    async def issue(
        self, task: Task, capability: str, *scopes: str, is_helper: bool = False
    ) -> str:
        """Issue one."""
        caller = self.helper if is_helper else self.kit.agent
        request = IssueCredential(capability, frozenset(scopes), 60_000)
        issued = await self.kit.verbs.issuance.issue(caller, task.spec.id, request, "")
        return issued.lease.spec.id

    async def doomed(self, candidate: Candidate) -> dict[str, str]:
        """Name those that would end, and for which reason."""
        foreseen = await self.preview.foresee(candidate.published())
        names = {lease: name for name, lease in self.ids.items()}
        assert foreseen.is_complete
        assert foreseen.looked == len(names)
        return {names[each.lease]: each.why.reason for each in foreseen.doomed}


@pytest.fixture
async def hall(link: Link) -> Hall:
    """Five live leases."""
    return await Hall(link).fill()


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    """The shipped bundle, not yet changed."""
    return Candidate(tmp_path)


async def test_what_is_affected_is_looked_at_once_and_nothing_else(
    hall: Hall, candidate: Candidate
) -> None:
    """An agent and a ticket have much in common; who only has the other is left out."""
    candidate.write("policies/50-test.cedar", FREEZE)
    affected = Affected(frozenset({Index("agent", "invoice-bot"), Index("ticket", "acme/T-1")}))

    found = await hall.preview.foresee_of(candidate.published(), affected)

    doomed = {each.lease for each in found.doomed}
    assert doomed == set(hall.ids.values()) - {hall.ids["helper"]}
    assert (found.looked, found.total, found.is_complete) == (4, 4, True)


async def test_what_may_concern_everything_is_asked_of_everything(
    hall: Hall, candidate: Candidate
) -> None:
    """Nobody is left out of doubt."""
    candidate.write("policies/50-test.cedar", FREEZE)

    found = await hall.preview.foresee_of(candidate.published(), affected=EVERYTHING_IS)

    assert found.total == len(hall.ids)


async def test_what_changes_nothing_kills_nothing(hall: Hall, candidate: Candidate) -> None:
    """The same question on the same facts has the same answer."""
    assert await hall.doomed(candidate) == {}


async def test_a_suspended_agent_loses_all_that_it_holds(hall: Hall, candidate: Candidate) -> None:
    """In its tasks and below them; what others hold stays."""
    candidate.agent("invoice-bot", status="suspended")

    doomed = await hall.doomed(candidate)

    assert doomed == dict.fromkeys(("read", "write", "reports", "child"), "suspended")


async def test_a_policy_that_forbids_names_itself(hall: Hall, candidate: Candidate) -> None:
    """An operator reads which one it was."""
    candidate.write("policies/50-test.cedar", FREEZE)

    foreseen = await hall.preview.foresee(candidate.published())

    assert foreseen.total == len(hall.ids)
    assert {(each.why.reason, each.why.policies) for each in foreseen.doomed} == {
        ("forbidden", ("freeze",))
    }
    assert {each.why.revision for each in foreseen.doomed} == {REVISION}
    assert foreseen.agents == {"invoice-bot": 4, "helper-bot": 1}
    assert foreseen.capabilities == {"orders-api": 4, "reports-read": 1}


async def test_a_life_that_would_be_shorter_now_ends(hall: Hall, candidate: Candidate) -> None:
    """It was given a minute, and would get half of that."""
    candidate.write("policies/50-test.cedar", SHORT)

    assert await hall.doomed(candidate) == dict.fromkeys(("read", "child", "helper"), "shorter-now")


@pytest.mark.parametrize(
    ("policy", "reason"), [(BOUND, "binding-required"), (APPROVED, "needs-approval")]
)
async def test_what_would_need_more_now_ends(
    hall: Hall, candidate: Candidate, policy: str, reason: str
) -> None:
    """A key that nobody has proven, or a human who has not agreed."""
    candidate.write("policies/50-test.cedar", policy)

    assert await hall.doomed(candidate) == dict.fromkeys(("read", "child", "helper"), reason)


async def test_a_scope_that_is_gone_takes_along_who_has_it(
    hall: Hall, candidate: Candidate
) -> None:
    """And nobody else of the same capability."""
    candidate.capability("orders-api", scopes=["orders:read"])

    assert await hall.doomed(candidate) == {"write": "beyond-capability"}


async def test_another_data_class_is_asked_about(hall: Hall, candidate: Candidate) -> None:
    """A high risk stays off restricted data, whenever it became that."""
    candidate.capability("orders-api", data_class="restricted")

    assert await hall.doomed(candidate) == {"helper": "forbidden"}


async def test_a_capability_that_is_gone_is_nobodys(hall: Hall, candidate: Candidate) -> None:
    """Dropped, or no longer this tenant's: the two look the same."""
    candidate.drop_capability("reports-read")
    candidate.capability("orders-api", tenants=["globex"])

    assert set((await hall.doomed(candidate)).values()) == {"capability-gone"}


async def test_another_audience_is_another_thing(hall: Hall, candidate: Candidate) -> None:
    """The token opens the old door."""
    candidate.capability("reports-read", audience="https://other.example")

    assert await hall.doomed(candidate) == {"reports": "capability-changed"}


async def test_other_tenants_are_neither_looked_at_nor_counted(
    hall: Hall, candidate: Candidate
) -> None:
    """An operator sees its own (I16)."""
    candidate.write("policies/50-test.cedar", FREEZE)

    foreseen = await hall.preview.foresee(candidate.published(), tenants={"globex"})

    assert (foreseen.looked, foreseen.total, foreseen.doomed) == (0, 0, ())


async def test_it_goes_on_where_it_stopped(hall: Hall, candidate: Candidate) -> None:
    """Part by part it comes to the same, each lease once."""
    candidate.write("policies/50-test.cedar", FREEZE)
    seen: list[str] = []
    cursor = ""
    for _ in range(BUCKETS + 1):
        part = await hall.preview.foresee(candidate.published(), cursor=cursor, most=1)
        seen += [each.lease for each in part.doomed]
        cursor = part.cursor
        if part.is_complete:
            break

    assert sorted(seen) == sorted(hall.ids.values())


@pytest.mark.parametrize(
    "cursor", ["x", "0", "0.1", "99.1.t_00_" + "a" * 26, "0.1.l_00_x", "-1.1.x"]
)
async def test_a_foreign_cursor_is_refused(hall: Hall, candidate: Candidate, cursor: str) -> None:
    """It comes from outside."""
    with pytest.raises(InvalidRequestError):
        await hall.preview.foresee(candidate.published(), cursor=cursor)


async def test_a_record_that_is_none_of_ours_is_counted_and_hides_no_other(
    hall: Hall, candidate: Candidate
) -> None:
    """Of a lease, and of a task."""
    candidate.write("policies/50-test.cedar", FREEZE)
    bad = hall.ids["read"]
    await hall.kit.link.read("HSET", hall.kit.ledger.keys.of(bad).lease(bad), "spec", "{}")  # type: ignore[arg-type]

    foreseen = await hall.preview.foresee(candidate.published())

    assert (foreseen.unreadable, foreseen.total) == (1, 4)


async def test_nothing_is_written(hall: Hall, candidate: Candidate, single: SingleServer) -> None:
    """A look ahead changes no record, and tells nobody."""
    candidate.write("policies/50-test.cedar", FREEZE)
    view = LedgerView(single, hall.kit.ledger.keys)
    before = view.dump()

    await hall.preview.foresee(candidate.published())

    assert view.dump() == before


async def test_more_leases_than_fit_on_a_page_are_each_seen_once(link: Link) -> None:
    """Of one task, in the order of their expiry, many in the same second."""
    kit = VerbsKit(link)
    kit.replica.allow("invoice-bot", 1_000)
    task = await kit.open()
    given = [await kit.issue(task) for _ in range(230)]
    walk = LeaseWalk(kit.ledger.tree, kit.ledger.leases, kit.ledger.held)

    seen = [
        held.spec.id
        for bucket in range(BUCKETS)
        async for page in walk.pages(bucket, EVERY_TASK)
        for held, _ in page.cases
    ]

    assert sorted(seen) == sorted(given)


async def test_what_an_older_version_granted_is_asked_for_by_its_spec(
    hall: Hall, candidate: Candidate
) -> None:
    """It keeps what it would get without claims and labels, and loses it like the others."""
    for lease in hall.ids.values():
        await hall.kit.link.read("HDEL", hall.kit.ledger.keys.of(lease).lease(lease), "asked")

    assert await hall.doomed(candidate) == {}
    candidate.agent("helper-bot", status="suspended")
    assert await hall.doomed(candidate) == {"helper": "suspended"}


async def test_what_was_asked_is_kept_and_told_to_nobody(hall: Hall) -> None:
    """It is in the lease's record, and in no event."""
    lease = hall.ids["write"]
    bucket = hall.kit.ledger.keys.of(lease)
    kept = await hall.kit.link.read("HGET", bucket.lease(lease), "asked")
    told = await hall.kit.link.read("XRANGE", bucket.out, "-", "+")

    assert '"instance":"pod-1"' in kept
    assert '"scopes":["orders:write"]' in kept
    assert kept not in codec.encode(told)
