"""Carrying out what asking again came to: a no ends the lease, a yes leaves it, unknown waits."""

from collections.abc import Sequence
from typing import Final

import pytest

from broker.errors import StoreUnavailableError, UnavailableError
from broker.faultpoints import FaultPoints
from broker.governance.published import Published
from broker.ids import LeaseId, bucket_of
from broker.model.decision import Decision, Deny, Obligations, Permit, Trace
from broker.model.held import HeldLease
from broker.model.redecision import NO_LONGER
from broker.places import Places
from broker.policy.decider import LocalDecider
from broker.policy.engine import DenyReason
from broker.policy.query import Query
from broker.reassessment import Patience, Reassessment
from broker.redeciding import Case
from broker.store.held_leases import Unreadable
from broker.store.link import Link
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

YES: Final = Permit(Obligations(), Trace("v1", 1))
NO: Final = Deny(DenyReason.FORBIDDEN, Trace("v1", 1, policies=("freeze",)))
UNKNOWN: Final = Deny(DenyReason.ENGINE_ERROR, Trace("", 0, errors=("it hiccups",)))


def yes_until(until_ms: int) -> Permit:
    """Permit what time alone may end then."""
    return Permit(Obligations(), Trace("v1", 1, until_ms=until_ms))


class Saying(LocalDecider):
    """Says of each task's leases what a test wants, one after another, and the last for ever."""

    def __init__(self) -> None:
        self.of: dict[str, list[Decision]] = {}
        self.times = 0

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Answer each."""
        self.times += 1
        return [self._next(self.of.get(query.task.id, [YES])) for query in queries]

    @staticmethod
    def _next(said: list[Decision]) -> Decision:
        return said.pop(0) if len(said) > 1 else said[0]


class Again:
    """A ledger with live leases, and whoever decides again about them."""

    def __init__(self, link: Link) -> None:
        self.kit = VerbsKit(link)
        self.said = Saying()
        self.told: list[int] = []
        self.in_force = True
        ledger = self.kit.ledger
        self.reassessment = Reassessment(
            leases=ledger.leases,
            redo=ledger.redo,
            places=Places(ledger.quotas),
            current=self._current,
            metrics=self.kit.metrics,
            faults=FaultPoints(),
            ended=self.told.append,
            patience=Patience(undecided_s=0.5),
        )

    def _current(self) -> Published:
        if not self.in_force:
            raise UnavailableError("nothing is in force here")
        return replace(self.kit.replica.published, deciding=lambda _: self.said)

    async def case(self, *said: Decision) -> Case:
        """Issue a credential in a task of its own, and prepare what is said of it now."""
        task = await self.kit.open()
        lease = LeaseId(await self.kit.issue(task))
        (held,) = await self.kit.ledger.held.of_leases([(lease, task.spec.id)])
        assert isinstance(held, HeldLease)
        self.said.of[task.spec.id] = list(said) or [YES]
        return held, task.spec

    async def carry_out(self, *cases: Case, again_ms: int = 0) -> list[Case]:
        """Decide again about leases, bucket by bucket."""
        undecided: list[Case] = []
        for case in cases:
            bucket = bucket_of(case[1].id)
            undecided += await self.reassessment.carry_out(bucket, [case], again_ms=again_ms)
        return undecided

    async def is_dead(self, case: Case) -> bool:
        """Ask the judge."""
        return not (await self.kit.ledger.leases.view(case[0].spec.id)).is_alive

    async def due_ms(self, case: Case) -> int:
        """Return when a lease is to be looked at again; 0: never."""
        member = f"c:{case[0].spec.id}:{case[1].id}"
        found = await self.kit.link.read("ZSCORE", self.kit.ledger.keys.of(case[1].id).due, member)
        return int(float(found or 0))

    def counted(self) -> dict[str, float]:
        """Read how many were decided again, by outcome."""
        told = self.kit.exposition().splitlines()
        lines = [line for line in told if line.startswith("jit_reevaluation_leases_total{")]
        return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


@pytest.fixture
def again(link: Link) -> Again:
    """Nothing granted yet."""
    return Again(link)


async def test_a_no_ends_the_lease_says_why_and_frees_its_place(again: Again) -> None:
    """As if it had been revoked; whoever ships and reaps hears of its bucket."""
    case = await again.case(NO)
    assert await again.kit.counted("agent", "invoice-bot") == [case[0].spec.id]

    assert await again.carry_out(case) == []

    seen = await again.kit.ledger.leases.view(case[0].spec.id)
    assert (seen.is_alive, seen.ended_by) == (False, NO_LONGER)
    assert seen.why is not None
    assert (seen.why.reason, seen.why.policies) == ("forbidden", ("freeze",))
    assert await again.kit.counted("agent", "invoice-bot") == []
    assert await again.kit.counted("tenant", "acme") == []
    assert again.told == [bucket_of(case[1].id)]
    assert again.counted() == {"kept": 0, "ended": 1, "undecided": 0}


async def test_a_yes_leaves_everything_as_it_is(again: Again) -> None:
    """Nobody is told, and nobody looks again."""
    case = await again.case(YES)

    assert await again.carry_out(case) == []

    assert not await again.is_dead(case)
    assert await again.kit.counted("agent", "invoice-bot") == [case[0].spec.id]
    assert again.told == []
    assert await again.due_ms(case) == 0
    assert again.counted() == {"kept": 1, "ended": 0, "undecided": 0}


async def test_what_nobody_knows_is_handed_back_and_lives(again: Again) -> None:
    """A hiccup ends nothing, and holds up no no."""
    unknown, refused = await again.case(UNKNOWN), await again.case(NO)

    assert await again.carry_out(unknown, refused) == [unknown]

    assert [await again.is_dead(each) for each in (unknown, refused)] == [False, True]
    assert again.counted() == {"kept": 0, "ended": 1, "undecided": 1}


async def test_without_anything_in_force_nothing_is_decided(again: Again) -> None:
    """It is to be repeated: nobody takes that for a no."""
    case = await again.case(NO)
    again.in_force = False

    with pytest.raises(UnavailableError):
        await again.carry_out(case)

    assert not await again.is_dead(case)
    assert again.told == []


async def test_only_a_place_that_this_has_freed_is_freed(again: Again) -> None:
    """Whoever ended it before frees it: it may count for somebody else's lease by now."""
    case = await again.case(NO)
    await again.kit.ledger.leases.end([(case[0].spec.id, case[1].id)], "revoked")

    await again.carry_out(case)

    assert await again.kit.counted("agent", "invoice-bot") == [case[0].spec.id]
    assert (await again.kit.ledger.leases.view(case[0].spec.id)).ended_by == "revoked"


async def test_a_store_that_fails_meanwhile_is_told_of_as_if_something_had_ended(
    again: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of it may have: whoever ships looks, and the rest is repeated."""
    case = await again.case(NO)

    async def fail(*_: object) -> list[LeaseId]:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(again.kit.ledger.leases.__class__, "refuse", fail)
    with pytest.raises(StoreUnavailableError):
        await again.carry_out(case)

    assert again.told == [bucket_of(case[1].id)]


# When time alone may change the answer.


async def test_a_yes_that_time_may_end_is_looked_at_again_then(again: Again) -> None:
    """At that instant, if the lease is still there."""
    case = await again.case()
    sooner = case[0].expires_at_ms - 10_000
    again.said.of[case[1].id] = [yes_until(sooner)]

    await again.carry_out(case)

    assert await again.due_ms(case) == sooner


async def test_a_yes_that_outlives_the_lease_is_not_looked_at_again(again: Again) -> None:
    """The lease is dead by then."""
    case = await again.case()
    again.said.of[case[1].id] = [yes_until(case[0].expires_at_ms)]

    await again.carry_out(case)

    assert await again.due_ms(case) == 0


async def test_what_has_been_due_is_not_due_before_the_next_time(again: Again) -> None:
    """Else one clock ahead of the other would ask in a circle."""
    case = await again.case()
    sooner, next_ms = case[0].expires_at_ms - 30_000, case[0].expires_at_ms - 20_000
    again.said.of[case[1].id] = [yes_until(sooner)]

    await again.carry_out(case, again_ms=next_ms)

    assert await again.due_ms(case) == next_ms


async def test_what_time_changes_no_more_is_due_no_more(again: Again) -> None:
    """It was due, and its answer has no end now."""
    case = await again.case()
    until_ms = case[0].expires_at_ms - 10_000
    again.said.of[case[1].id] = [yes_until(until_ms), YES]
    await again.carry_out(case)
    assert await again.due_ms(case) == until_ms

    await again.carry_out(case, again_ms=until_ms)

    assert await again.due_ms(case) == 0


# What has no answer.


async def holding() -> None:
    """Hold the bucket."""


async def test_an_answer_that_comes_late_counts_as_any(again: Again) -> None:
    """One is kept, one ends: neither because it took a while."""
    kept, refused = await again.case(UNKNOWN, UNKNOWN, YES), await again.case(UNKNOWN, NO)
    for case in (kept, refused):
        assert await again.carry_out(case) == [case]

        await again.reassessment.insist(bucket_of(case[1].id), [case], holding)

    assert [await again.is_dead(each) for each in (kept, refused)] == [False, True]
    seen = await again.kit.ledger.leases.view(refused[0].spec.id)
    assert seen.why is not None
    assert seen.why.reason == "forbidden"


async def test_what_never_has_an_answer_ends_in_the_end(again: Again) -> None:
    """Unsure means no (I5); the bucket is held for as long as it is asked."""
    case = await again.case(UNKNOWN)
    held: list[bool] = []

    async def still_at_it() -> None:
        held.append(await again.is_dead(case))

    await again.reassessment.insist(bucket_of(case[1].id), [case], still_at_it)

    seen = await again.kit.ledger.leases.view(case[0].spec.id)
    assert (seen.is_alive, seen.ended_by) == (False, NO_LONGER)
    assert seen.why is not None
    assert (seen.why.reason, seen.why.missing) == ("engine-error", ("an answer of the engine",))
    assert held == [False, False]
    assert again.said.times == len(held)
    assert again.told == [bucket_of(case[1].id)]


async def test_whoever_cannot_hold_the_bucket_any_more_ends_nothing(again: Again) -> None:
    """Another broker is at it, and asks for itself."""
    case = await again.case(UNKNOWN)

    async def lost() -> None:
        raise StoreUnavailableError("gone")

    with pytest.raises(StoreUnavailableError):
        await again.reassessment.insist(bucket_of(case[1].id), [case], lost)

    assert not await again.is_dead(case)


# What cannot be read.


async def test_a_lease_that_cannot_be_read_ends(again: Again) -> None:
    """Nobody can say that it would be granted."""
    case = await again.case()
    bucket = bucket_of(case[1].id)

    await again.reassessment.give_up(bucket, [Unreadable(case[1].id, case[0].spec.id)])

    seen = await again.kit.ledger.leases.view(case[0].spec.id)
    assert (seen.is_alive, seen.ended_by) == (False, NO_LONGER)
    assert seen.why is not None
    assert seen.why.reason == "unreadable"
    assert again.told == [bucket]


async def test_one_that_cannot_be_ended_holds_up_no_other(
    again: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task without any lease that could be named, a store that fails once."""
    first, second = await again.case(), await again.case()
    refuse, failed = again.kit.ledger.leases.refuse, []

    async def fail_once(_: object, endings: Sequence[object]) -> list[LeaseId]:
        if not failed:
            failed.append(endings)
            raise StoreUnavailableError("gone")
        return await refuse(endings)  # type: ignore[arg-type]

    monkeypatch.setattr(again.kit.ledger.leases.__class__, "refuse", fail_once)
    unreadable = [
        Unreadable(first[1].id),
        Unreadable(first[1].id, first[0].spec.id),
        Unreadable(second[1].id, second[0].spec.id),
    ]

    await again.reassessment.give_up(7, unreadable)

    assert [await again.is_dead(each) for each in (first, second)] == [False, True]
    assert again.told == [7]


async def test_where_everything_can_be_read_nobody_is_told(again: Again) -> None:
    """Nothing has ended."""
    await again.reassessment.give_up(0, [])

    assert again.told == []
