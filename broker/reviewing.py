"""Reviews, for those who answer for agents and for the operators of their tenant.

- A packet exists for an operator of its tenant, and for whoever may answer it; nobody else (I16).
- An answer is bound to the digest of the packet that was looked at. The first one about an agent
  stands; it is in the ledger and in its outbox before anything follows from it.
- What follows is carried out at once, and otherwise by whichever broker finds it due. It takes
  access away or leaves what there is, so no policy is asked, and no brake.
- What nobody has answered about in time is held, until somebody has.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Protocol

import msgspec

from broker.clock import Clock
from broker.cursor import foreign
from broker.errors import (
    AccessDeniedError,
    BrokerError,
    InvalidChangeError,
    InvalidRequestError,
    NotFoundError,
    SupersededError,
)
from broker.facts.change import Change, ChangeSet, HoldThing
from broker.facts.facts import Facts
from broker.facts.review import is_overdue
from broker.faultpoints import FaultPoints
from broker.idempotency import Repeatable
from broker.ids import ReviewId, parse_review_id
from broker.model.fact import Hold, Thing
from broker.model.principal import Principal
from broker.reviews.answers import (
    Answer,
    Effect,
    changes_of,
    held_by,
    may_answer,
    may_look,
    stale,
    to_do_of,
)
from broker.reviews.packets import Entry, Header, Verdict
from broker.store.due_queue import Work
from broker.store.review_ledger import Kept, KeptReview, ReviewLedger

_RETRY_MS: Final = 1_000
_AT_ONCE: Final = 5_000
"""Agents held by one change."""


@dataclass(frozen=True, slots=True)
class Review:
    """One review: what holds for its packet, and how far it is answered."""

    kept: KeptReview
    header: Header


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """One page of reviews; ``cursor`` is empty on the last one."""

    reviews: tuple[Review, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An agent in a packet, with its answer and what came of that, as far as there are any."""

    entry: Entry
    answer: Answer | None = None
    at_ms: int = 0
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class ReviewedPage:
    """One page of a packet's agents, by name."""

    agents: tuple[Reviewed, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """What somebody answers. Without a ``ceiling`` a narrowing takes the suggested one."""

    agent: str
    packet: str
    verdict: Verdict
    reason: str
    ceiling: tuple[str, ...] = ()
    review_by: str = ""


class Appends(Protocol):
    """Makes a change of facts: ``broker.fact_changes``."""

    async def apply(
        self, change: ChangeSet, *, base: int | None = None, same: Repeatable | None = None
    ) -> int:
        """Return the revision that it is."""
        ...


class Reviewing:
    """Shows reviews, takes answers, and carries out what follows. Work of kind ``w``."""

    def __init__(
        self,
        ledger: ReviewLedger,
        *,
        facts: Callable[[], Facts],
        appends: Appends,
        told: Callable[[], None],
        clock: Clock,
        faults: FaultPoints,
    ) -> None:
        self._ledger = ledger
        self._facts = facts
        self._appends = appends
        self._told = told
        self._clock = clock
        self._faults = faults

    async def find(
        self, caller: Principal, cursor: str, limit: int, *, tenant: str = "", state: str = ""
    ) -> ReviewPage:
        """Page through the reviews that exist for the caller, the newest first.

        Raises:
            InvalidRequestError: the cursor is none of this list.
        """
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 16):  # noqa: PLR2004 - as instants are
            raise foreign("list")
        found: list[Review] = []
        names, rest = await self._ledger.newest(cursor)
        for score, name in names:
            review = await self._of(name)
            if review is None or not self._exists(caller, review):
                continue
            if tenant not in ("", review.kept.tenant) or state not in ("", review.kept.state):
                continue
            found.append(review)
            if len(found) == limit:
                return ReviewPage(tuple(found), score)
        return ReviewPage(tuple(found), rest)

    async def show(self, caller: Principal, review: ReviewId) -> Review:
        """Return a review.

        Raises:
            NotFoundError: there is none for the caller.
        """
        found = await self._of(review)
        if found is None or not self._exists(caller, found):
            raise NotFoundError("no such review")
        return found

    async def page(
        self, caller: Principal, review: ReviewId, cursor: str, limit: int
    ) -> ReviewedPage:
        """Page through a packet's agents by name.

        Raises:
            NotFoundError: there is no such review for the caller.
        """
        found = await self.show(caller, review)
        number = self._ledger.piece_of(found.kept, cursor) if cursor else 0
        entries: list[Entry] = []
        while len(entries) <= limit and number < len(found.kept.starts):
            raw = await self._ledger.piece(found.kept, number)
            entries += [each for each in _entries(raw) if not cursor or each.agent > cursor]
            number += 1
        shown = entries[:limit]
        answers = await self._ledger.answers(review, [each.agent for each in shown])
        told = tuple(_reviewed(each, answers.get(each.agent)) for each in shown)
        return ReviewedPage(told, shown[-1].agent if len(entries) > limit else "")

    async def answer(self, caller: Principal, review: ReviewId, new: NewAnswer) -> Reviewed:
        """Take an answer about one agent, and carry out what follows from it.

        Raises:
            NotFoundError: there is no such review for the caller, or no such agent in it.
            AccessDeniedError: the caller may look and not answer.
            InvalidRequestError: a ceiling that is not narrower, or a day that is none.
            SupersededError: another packet stands, another answer, or the agent is not what it was.
        """
        found = await self.show(caller, review)
        facts = self._facts()
        if not may_answer(facts, found.header, caller, self._clock.now_ms()):
            raise AccessDeniedError("not-its-reviewer")
        if not hmac.compare_digest(found.kept.digest.encode(), new.packet.encode()):
            raise SupersededError("this is not the packet that stands: look at it again")
        entry = await self._entry(found.kept, new.agent)
        answer = self._answer(caller, review, found.header, entry, new)
        given = (await self._ledger.answers(review, [new.agent])).get(new.agent)
        if given is None and (why := stale(facts, found.header, new.agent)):
            raise SupersededError(f"{why}: start another review")
        await self._keep(found, answer)
        await self._try(review, new.agent)
        kept = (await self._ledger.answers(review, [new.agent])).get(new.agent)
        return _reviewed(entry, kept)

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
        found = await self._of(review)
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
        facts = self._facts()
        if why := stale(facts, header, answer.agent):
            return Effect("failed", why)
        thing = facts.agent(answer.agent)
        if thing is None:
            return Effect("failed", "there is no such agent any more")
        changes = changes_of(facts, answer, thing, at_ms)
        to_do = to_do_of(facts, answer, thing)
        try:
            revision = await self._change(answer, changes) if changes else 0
        except InvalidChangeError as error:
            return Effect("failed", str(error)[:300])
        state = "to-do" if to_do and answer.verdict != "revoke" else "done"
        return Effect(state, _WORDS[answer.verdict], to_do, revision)

    async def _change(self, answer: Answer, changes: tuple[Change, ...]) -> int:
        why = f"review {answer.review}: {answer.reason}"[:500]
        change = ChangeSet(answer.by, why, changes)
        name = f"review {answer.review} {answer.agent}"
        return await self._appends.apply(change, same=_once(name))

    async def _keep(self, found: Review, answer: Answer) -> None:
        signed = {name: getattr(answer, name) for name in answer.__struct_fields__}
        text = msgspec.json.encode(answer)
        same = msgspec.json.encode(
            msgspec.structs.replace(answer, issuer="", subject="", evidence="")
        )
        await self._ledger.answer(
            found.kept.id,
            answer.agent,
            packet=answer.packet,
            answer=text,
            same=same,
            tenant=found.kept.tenant,
            detail=signed,
        )
        self._faults.reach("review.answered")
        self._told()

    async def _try(self, review: ReviewId, agent: str) -> None:
        try:
            await self.carry_out(review, agent)
        except BrokerError:
            return  # it is due, and whichever broker looks next carries it out

    async def _overdue(self, review: ReviewId, now_ms: int) -> int | None:
        found = await self._of(review)
        if found is None or found.kept.state != "open":
            return None
        await self._hold(found, now_ms)
        detail = {"review": review, "owner": found.header.owner, "due": found.header.due}
        await self._ledger.overdue(review, found.kept.tenant, detail)
        self._told()
        return None

    async def _hold(self, found: Review, now_ms: int) -> None:
        """Hold whom nobody has answered about, unless its own review date stops it."""
        facts, who = self._facts(), held_by(found.kept.id)
        why = f"review {found.kept.id} was due on {found.header.due}"
        held: list[Change] = []
        for number in range(len(found.kept.starts)):
            names = [each.agent for each in _entries(await self._ledger.piece(found.kept, number))]
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

    async def _of(self, review: ReviewId) -> Review | None:
        try:
            kept = await self._ledger.view(review)
        except NotFoundError:
            return None
        return Review(kept, msgspec.json.decode(kept.header, type=Header))

    def _exists(self, caller: Principal, review: Review) -> bool:
        return may_look(self._facts(), review.header, caller, self._clock.now_ms())

    async def _entry(self, kept: KeptReview, agent: str) -> Entry:
        raw = await self._ledger.piece(kept, self._ledger.piece_of(kept, agent))
        for entry in _entries(raw):
            if entry.agent == agent:
                return entry
        raise NotFoundError("no such agent in this review")

    def _answer(
        self, caller: Principal, review: ReviewId, header: Header, entry: Entry, new: NewAnswer
    ) -> Answer:
        return Answer(
            review=review,
            agent=new.agent,
            verdict=new.verdict,
            reason=new.reason,
            packet=new.packet,
            by=caller.ref,
            issuer=caller.issuer,
            subject=caller.subject,
            evidence=caller.evidence,
            ceiling=_narrowed(entry, new),
            review_by=self._next(header, new),
        )

    def _next(self, header: Header, new: NewAnswer) -> str:
        if new.verdict == "revoke":
            return ""
        day, most = new.review_by or header.next_review, header.next_review
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()
        if not _is_day(day) or date.fromisoformat(day) < today or day > most:
            raise InvalidRequestError(f"write a day up to {most}", field="review_by")
        return day


def _is_to_hold(thing: Thing, tenant: str, now_ms: int) -> bool:
    if thing.tenant != tenant or thing.status == "retired":
        return False
    return thing.hold is None and not is_overdue(thing, now_ms)


def _narrowed(entry: Entry, new: NewAnswer) -> tuple[str, ...]:
    """Return the ceiling that is left: never a line that could not be granted before.

    Raises:
        InvalidRequestError: nothing is narrower by it, or it leaves nothing.
    """
    if new.verdict != "narrow":
        if new.ceiling:
            raise InvalidRequestError("only narrowing has one: leave it out", field="ceiling")
        return ()
    ceiling = tuple(sorted(set(new.ceiling or entry.suggestion.ceiling)))
    if not ceiling:
        raise InvalidRequestError("say what is left: none is suggested", field="ceiling")
    bound = set(entry.ceiling) or _known(entry)
    if wider := sorted(set(ceiling) - bound):
        raise InvalidRequestError(f"is no part of what it has: {wider[0]}", field="ceiling")
    return ceiling


def _known(entry: Entry) -> set[str]:
    rights = entry.rights
    return {*rights.possible, *rights.after_approval, *entry.usage.granted}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _entries(raw: Sequence[msgspec.Raw]) -> Iterator[Entry]:
    yield from (msgspec.json.decode(each, type=Entry) for each in raw)


def _reviewed(entry: Entry, kept: Kept | None) -> Reviewed:
    if kept is None:
        return Reviewed(entry)
    answer = msgspec.json.decode(kept.answer, type=Answer)
    effect = msgspec.json.decode(kept.effect, type=Effect) if kept.effect else None
    return Reviewed(entry, answer, kept.at_ms, effect)


def _once(name: str) -> Repeatable:
    """Name a change that this makes of itself: whoever repeats it makes it once."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Repeatable(digest, digest)


_WORDS: Final = {
    "keep": "it is kept as it is",
    "narrow": "its ceiling is what is left",
    "revoke": "it is held, and gets nothing",
}
