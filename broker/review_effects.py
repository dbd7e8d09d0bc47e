"""What follows from answers to reviews, and from none: carried out once, by whichever broker.

It takes access away or leaves what there is, so no policy is asked, and no brake. What nobody has
answered about in time is held, until somebody has.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from broker.errors import InvalidChangeError, NotFoundError, SupersededError
from broker.facts.change import Change, ChangeSet, HoldThing
from broker.facts.facts import Facts
from broker.facts.review import is_overdue
from broker.faultpoints import FaultPoints
from broker.idempotency import Repeatable
from broker.ids import ReviewId, parse_review_id
from broker.model.fact import Hold, Thing
from broker.reviews.answers import Answer, Effect, changes_of, held_by, stale, to_do_of
from broker.reviews.packets import Entry, Header
from broker.store.due_queue import Work
from broker.store.review_ledger import KeptReview, ReviewLedger

_TRIES: Final = 10
_AT_ONCE: Final = 5_000
"""Agents held by one change."""


@dataclass(frozen=True, slots=True)
class Review:
    """One review: what holds for its packet, and how far it is answered."""

    kept: KeptReview
    header: Header


class Appends(Protocol):
    """Makes a change of facts: ``broker.fact_changes``."""

    async def apply(
        self, change: ChangeSet, *, base: int | None = None, same: Repeatable | None = None
    ) -> int:
        """Return the revision that it is.

        Raises:
            SupersededError: another revision than ``base`` stands.
        """
        ...


class ReviewEffects:
    """Carries out what follows. Due work of kind ``w``."""

    def __init__(
        self,
        ledger: ReviewLedger,
        *,
        newest: Callable[[], Awaitable[Facts]],
        appends: Appends,
        told: Callable[[], None],
        faults: FaultPoints,
    ) -> None:
        self._ledger = ledger
        self._newest = newest
        self._appends = appends
        self._told = told
        self._faults = faults

    async def work(self, work: Work) -> int | None:
        """Carry out an answer, or hold what was not answered about in time."""
        name, _, agent = work.subject.partition(":")
        review = parse_review_id(name, field="review")
        if agent:
            await self.carry_out(review, agent)
            return None
        return await self._overdue(review, work.claimed_ms)

    async def carry_out(self, review: ReviewId, agent: str) -> None:
        """Do what an answer comes to, once; what cannot be done is told."""
        found = await review_of(self._ledger, review)
        kept = (await self._ledger.answers(review, [agent])).get(agent)
        if found is None or kept is None or kept.effect:
            return
        answer = msgspec.json.decode(kept.answer, type=Answer)
        effect = await self._effect(found.header, answer, kept.at_ms)
        self._faults.reach("review.changed")
        detail = {"review": review, "agent": agent, "verdict": answer.verdict}
        told = {"state": effect.state, "told": effect.told, "revision": effect.revision}
        text = msgspec.json.encode(effect)
        await self._ledger.effected(review, agent, text, found.kept.tenant, detail | told)
        self._faults.reach("review.effected")
        self._told()

    async def _effect(self, header: Header, answer: Answer, at_ms: int) -> Effect:
        for left in reversed(range(_TRIES)):
            try:
                return await self._attempt(header, answer, at_ms)
            except SupersededError:
                if not left:
                    raise
        raise AssertionError("the last try has returned or raised")

    async def _attempt(self, header: Header, answer: Answer, at_ms: int) -> Effect:
        """Change the very facts that were looked at: what others say of an agent is not undone."""
        facts = await self._newest()
        if why := stale(facts, header, answer.agent):
            return Effect("failed", why)
        thing = facts.agent(answer.agent)
        if thing is None:
            return Effect("failed", "there is no such agent any more")
        changes = changes_of(facts, answer, thing, at_ms)
        to_do = to_do_of(facts, answer, thing)
        try:
            revision = await self._change(answer, changes, facts.revision) if changes else 0
        except InvalidChangeError as error:
            return Effect("failed", str(error)[:300])
        state = "to-do" if to_do and answer.verdict != "revoke" else "done"
        return Effect(state, _WORDS[answer.verdict], to_do, revision)

    async def _change(self, answer: Answer, changes: tuple[Change, ...], base: int) -> int:
        why = f"review {answer.review}: {answer.reason}"[:500]
        change = ChangeSet(answer.by, why, changes)
        same = _once(f"review {answer.review} {answer.agent}")
        return await self._appends.apply(change, base=base, same=same)

    async def _overdue(self, review: ReviewId, now_ms: int) -> int | None:
        found = await review_of(self._ledger, review)
        if found is None or found.kept.state != "open":
            return None
        await self._hold(found, now_ms)
        detail = {"review": review, "owner": found.header.owner, "due": found.header.due}
        await self._ledger.overdue(review, found.kept.tenant, detail)
        self._told()
        return None

    async def _hold(self, found: Review, now_ms: int) -> None:
        """Hold whom nobody has answered about, unless its own review date stops it."""
        facts, who = await self._newest(), held_by(found.kept.id)
        why = f"review {found.kept.id} was due on {found.header.due}"
        held: list[Change] = []
        for number in range(len(found.kept.starts)):
            names = [
                each.agent for each in entries_of(await self._ledger.piece(found.kept, number))
            ]
            answered = await self._ledger.answers(found.kept.id, names)
            for name in names:
                thing = facts.agent(name)
                if thing is None or name in answered:
                    continue
                if _is_to_hold(thing, found.header.tenant, now_ms):
                    held.append(HoldThing(thing.ref, Hold(why, who, now_ms)))
        for start in range(0, len(held), _AT_ONCE):
            change = ChangeSet(who, why, tuple(held[start : start + _AT_ONCE]))
            await self._appends.apply(change, same=_once(f"{why} {start} {len(held)}"))


async def review_of(ledger: ReviewLedger, review: ReviewId) -> Review | None:
    """Return a review, or None if there is none."""
    try:
        kept = await ledger.view(review)
    except NotFoundError:
        return None
    return Review(kept, msgspec.json.decode(kept.header, type=Header))


def entries_of(raw: Sequence[msgspec.Raw]) -> Iterator[Entry]:
    """Read the agents of a piece of a packet."""
    yield from (msgspec.json.decode(each, type=Entry) for each in raw)


def _is_to_hold(thing: Thing, tenant: str, now_ms: int) -> bool:
    if thing.tenant != tenant or thing.status == "retired":
        return False
    return thing.hold is None and not is_overdue(thing, now_ms)


def _once(name: str) -> Repeatable:
    """Name a change that this makes of itself: whoever repeats it makes it once."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Repeatable(digest, digest)


_WORDS: Final = {
    "keep": "it is kept as it is",
    "narrow": "its ceiling is what is left",
    "revoke": "it is held, and gets nothing",
}
