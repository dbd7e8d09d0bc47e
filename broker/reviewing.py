"""Reviews, for those who answer for agents and for the operators of their tenant.

- A packet exists for an operator of its tenant, and for whoever may answer it; nobody else (I16).
- An answer is bound to the digest of the packet that was looked at. The first one about an agent
  stands; it is in the ledger and in its outbox before anything follows from it.
- What follows is carried out at once, and otherwise by whichever broker finds it due. It takes
  access away or leaves what there is, so no policy is asked, and no brake.
- What nobody has answered about in time is held, until somebody has.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec

from broker.answer_signing import SignAnswer
from broker.clock import Clock
from broker.cursor import foreign
from broker.errors import (
    AccessDeniedError,
    BrokerError,
    InvalidRequestError,
    NotFoundError,
    SupersededError,
)
from broker.facts.facts import Facts
from broker.faultpoints import FaultPoints
from broker.ids import ReviewId
from broker.model.principal import Principal
from broker.review_effects import Review, ReviewEffects, entries_of, review_of
from broker.reviews.answers import (
    Answer,
    Effect,
    may_answer,
    may_look,
    signed_of,
    stale,
)
from broker.reviews.packets import Entry, Header, Verdict
from broker.store.review_ledger import Kept, KeptReview, ReviewLedger


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


class Reviewing:
    """Shows reviews and takes answers."""

    def __init__(
        self,
        ledger: ReviewLedger,
        *,
        facts: Callable[[], Facts],
        effects: ReviewEffects,
        told: Callable[[], None],
        sign: SignAnswer,
        clock: Clock,
        faults: FaultPoints,
    ) -> None:
        self._ledger = ledger
        self._facts = facts
        self._effects = effects
        self._told = told
        self._sign = sign
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
            review = await review_of(self._ledger, name)
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
        found = await review_of(self._ledger, review)
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
            entries += [each for each in entries_of(raw) if not cursor or each.agent > cursor]
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

    async def _keep(self, found: Review, answer: Answer) -> None:
        text = msgspec.json.encode(msgspec.structs.replace(answer, signature=self._sign(answer)))
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
            detail=signed_of(answer),
        )
        self._faults.reach("review.answered")
        self._told()

    async def _try(self, review: ReviewId, agent: str) -> None:
        try:
            await self._effects.carry_out(review, agent)
        except BrokerError:
            return  # it is due, and whichever broker looks next carries it out

    def _exists(self, caller: Principal, review: Review) -> bool:
        return may_look(self._facts(), review.header, caller, self._clock.now_ms())

    async def _entry(self, kept: KeptReview, agent: str) -> Entry:
        raw = await self._ledger.piece(kept, self._ledger.piece_of(kept, agent))
        for entry in entries_of(raw):
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


def _reviewed(entry: Entry, kept: Kept | None) -> Reviewed:
    if kept is None:
        return Reviewed(entry)
    answer = msgspec.json.decode(kept.answer, type=Answer)
    effect = msgspec.json.decode(kept.effect, type=Effect) if kept.effect else None
    return Reviewed(entry, answer, kept.at_ms, effect)
