"""Changing facts: all of it or nothing, within the tenants, and once."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import pytest

from broker.affected import Affected
from broker.errors import (
    AccessDeniedError,
    IdempotencyConflictError,
    InvalidChangeError,
    NotFoundError,
    SupersededError,
    WouldKillManyError,
)
from broker.fact_orders import FactOrders, How, Wish
from broker.facts.base import Base, tenant_thing
from broker.facts.change import Change, ChangeSet, LiftHold
from broker.facts.facts import Facts
from broker.foresight import Foresight
from broker.idempotency import Repeatable
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.preview import Foreseen
from tests.fakes.clock import FakeClock
from tests.fakes.facts import hold, put, ref, relate

NOW_MS: Final = 1_000_000
HOW: Final = How("INC-7")


def operator(*tenants: str, kind: Kind = Kind.OPERATOR) -> Principal:
    """Make an operator of tenants."""
    who = frozenset(tenants)
    return Principal(kind, "olga", who, "i", "https://issuer.example", "olga", NOW_MS * 2)


ACME: Final = operator("acme")


@dataclass
class Log:
    """The facts, in memory: what stands, and which requests were made."""

    facts: Facts
    made: dict[str, tuple[str, int]] = field(default_factory=dict)
    dying: int = 0
    overtaken: bool = False

    async def newest(self) -> Facts:
        """Return what stands."""
        return self.facts

    async def apply(self, change: ChangeSet, *, base: int | None, same: Repeatable) -> int:
        """Append."""
        if self.overtaken:
            self.overtaken = False
            other = ChangeSet("x", "y", (put("ticket:T-7"),))
            self.facts = self.facts.changed(other, self.facts.revision + 1)
        if base not in (None, self.facts.revision):
            raise SupersededError("another one stands")
        self.facts = self.facts.changed(change, self.facts.revision + 1)
        if same.key:
            self.made[same.key] = (same.digest, self.facts.revision)
        return self.facts.revision

    async def done(self, same: Repeatable) -> int:
        """Look up a request."""
        digest, revision = self.made.get(same.key, (same.digest, 0))
        if digest != same.digest:
            raise IdempotencyConflictError("another request")
        return revision

    async def inverse(
        self, caller: Principal, _revision: int, _facts: Facts, reason: str
    ) -> ChangeSet:
        """Take a hold back."""
        return ChangeSet(caller.ref, reason, (LiftHold(ref("agent:abe")),))

    async def foresee(
        self,
        _facts: Facts,
        _tenants: Collection[str] | None,
        affected: Affected,  # noqa: ARG002 - all of it
    ) -> Foreseen:
        """Let so many die."""
        return Foreseen(99, self.dying, (), {"abe": self.dying}, {}, 0, "")

    async def is_any(self, affected: Affected) -> bool:
        """Tell whether a task is in what is affected: all of those who are known."""
        return affected.is_all or any(index.kind == "agent" for index in affected.indexes)

    async def held(self, of: str, name: str) -> int:  # noqa: ARG002 - of all alike
        """Let there be many."""
        return 1_000


@pytest.fixture
def log() -> Log:
    """Two tenants, an agent and a ticket; a shared team that nobody is in."""
    team = Thing(kind=ThingKind.TEAM, tenant="", name="finance", source=BUNDLE)
    facts = Facts(0, Base([tenant_thing("acme"), tenant_thing("globex"), team]))
    changes = (put("person:ann"), put("agent:abe"), put("ticket:T-1"))
    return Log(facts.changed(ChangeSet("x", "y", changes), 1))


def orders(log: Log) -> FactOrders:
    """The verb, with the brake at five."""
    return FactOrders(
        facts=lambda: log.facts,
        newest=log.newest,
        appends=log,
        inverses=log,
        foresight=Foresight(log.foresee, log, brake=5),
        clock=FakeClock(NOW_MS),
    )


def wish(*changes: Change, how: How = HOW) -> Wish:
    """Wish for changes."""
    change = ChangeSet("operator:olga", how.reason, changes)
    return Wish(change, how, [repr(each) for each in changes])


async def test_a_change_is_made_and_a_dry_run_makes_none(log: Log) -> None:
    """Both say what dies."""
    log.dying = 3
    dry = await orders(log).change(ACME, wish(hold("agent:abe"), how=How("x", is_dry=True)))
    assert (dry.revision, dry.is_dry, dry.deaths, log.facts.revision) == (1, True, 3, 1)

    made = await orders(log).change(ACME, wish(hold("agent:abe")))
    assert (made.revision, made.is_dry, made.deaths) == (2, False, 3)
    assert not log.facts.stands(ref("agent:abe"))


async def test_many_deaths_want_their_digest(log: Log) -> None:
    """Nothing is changed without it."""
    log.dying = 40
    with pytest.raises(WouldKillManyError) as caught:
        await orders(log).change(ACME, wish(hold("agent:abe")))
    assert log.facts.revision == 1

    accepted = How("INC-7", accept=caught.value.digest)
    assert (await orders(log).change(ACME, wish(hold("agent:abe"), how=accepted))).deaths == 40


async def test_every_fault_is_told_and_nothing_is_changed(log: Log) -> None:
    """Also what is good in it."""
    with pytest.raises(InvalidChangeError) as caught:
        await orders(log).change(
            ACME, wish(put("ticket:T-2"), hold("ticket:T-8"), hold("ticket:T-9"))
        )
    assert [fault.field for fault in caught.value.faults] == ["changes[1].ref", "changes[2].ref"]
    assert log.facts.revision == 1


@pytest.mark.parametrize(
    "change",
    [
        put("ticket:T-2", "globex"),
        hold("agent:gus", "globex"),
        hold("tenant:globex", "globex"),
        hold("tenant:nosuch", "nosuch"),
        hold("team:/finance"),
        relate("agent:abe member-of team:/finance"),
        relate("agent:abe member-of team:/nosuch"),
    ],
)
async def test_what_is_another_tenants_does_not_exist(log: Log, change: Change) -> None:
    """Nor what all tenants share, for whoever answers for one; in a set with one's own, either."""
    for changes in ((change,), (put("ticket:T-2"), change)):
        with pytest.raises(NotFoundError, match="no such tenant"):
            await orders(log).change(ACME, wish(*changes))
    assert log.facts.revision == 1


async def test_who_answers_for_all_tenants_changes_what_all_share(log: Log) -> None:
    """An agent in a shared team has what that team has everywhere."""
    every = operator(ALL_TENANTS)
    made = await orders(log).change(every, wish(relate("agent:abe member-of team:/finance")))
    assert made.revision == 2


@pytest.mark.parametrize("kind", [Kind.AGENT, Kind.ORCHESTRATOR, Kind.RESOURCE])
async def test_nobody_but_operators_changes_anything(log: Log, kind: Kind) -> None:
    """Nor takes anything back."""
    caller = operator("acme", kind=kind)
    with pytest.raises(AccessDeniedError):
        await orders(log).change(caller, wish(hold("agent:abe")))
    with pytest.raises(AccessDeniedError):
        await orders(log).roll_back(caller, 1, HOW)


async def test_the_same_request_has_the_effect_of_one(log: Log) -> None:
    """Whatever stands by then; under the same key another request is refused (I10)."""
    first, how = wish(hold("agent:abe"), how=How("x", key="k")), How("x", key="k")
    assert (await orders(log).change(ACME, first)).revision == 2
    await orders(log).change(ACME, wish(put("ticket:T-2")))

    again = await orders(log).change(ACME, first)
    assert (again.revision, again.changes, log.facts.revision) == (2, 1, 3)
    with pytest.raises(IdempotencyConflictError):
        await orders(log).change(ACME, wish(put("ticket:T-3"), how=how))

    log.overtaken = True  # somebody changes facts in between: it is made anew from what stands
    back = How("y", key="b")
    assert (await orders(log).roll_back(ACME, 2, back)).revision == 5
    assert (await orders(log).roll_back(ACME, 2, back)).revision == 5
    assert log.facts.revision == 5


async def test_of_a_base_that_no_longer_stands_nothing_is_made(log: Log) -> None:
    """A dry run says so as well."""
    for how in (How("x", base=0), How("x", base=0, is_dry=True)):
        with pytest.raises(SupersededError):
            await orders(log).change(ACME, wish(hold("agent:abe"), how=how))
    made = await orders(log).change(ACME, wish(hold("agent:abe"), how=How("x", base=1)))
    assert made.revision == 2
