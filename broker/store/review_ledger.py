"""Reviews in the ledger: packets that never change, the first answer about each agent, its effect.

All of it lies in bucket 00, with the facts that answers change. A packet is staged in pieces and
counts once all of them are there; an answer is one script, after which its effect is due until it
is kept, whoever dies meanwhile.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from broker.errors import (
    NotFoundError,
    StoreUnavailableError,
    SupersededError,
)
from broker.ids import IdFactory, ReviewId
from broker.store import codec, scripts
from broker.store.keyspace import Keyspace
from broker.store.limits import Limits
from broker.store.link import Link, Value
from broker.store.refusals import accept

PIECE: Final = 20
"""Agents of one piece: some tens of kilobytes."""

KEPT_MS: Final = 400 * 24 * 3600 * 1000
"""How long after its due day a review is kept: the audit trail has it for good."""

_STAGED_MS: Final = 10 * 60_000
_TRIES: Final = 20
_LOOKED: Final = 500
"""Reviews looked at for one page."""


class KeptReview(msgspec.Struct, frozen=True):
    """One review as the ledger has it, without its agents. ``header`` is JSON."""

    id: ReviewId
    tenant: str
    owner: str
    due_ms: int
    started_ms: int
    header: str
    digest: str
    agents: int
    answered: int
    state: str
    overdue_ms: int
    starts: tuple[str, ...]


class Kept(msgspec.Struct, frozen=True):
    """An answer and what came of it, each as JSON; ``effect`` is empty until that is known."""

    agent: str
    answer: str
    at_ms: int
    effect: str


class NewReview(msgspec.Struct, frozen=True):
    """A packet that is put before its owner. ``entries`` are by the name of their agent."""

    id: ReviewId
    tenant: str
    owner: str
    due_ms: int
    header: bytes
    digest: str
    entries: Mapping[str, bytes]
    detail: Mapping[str, object]


_FIELDS: Final = (
    *("tenant", "owner", "due", "started", "header", "digest", "agents", "answered", "state"),
    *("overdue", "starts"),
)


class ReviewLedger:
    """Keeps reviews."""

    def __init__(self, link: Link, keys: Keyspace, ids: IdFactory, limits: Limits) -> None:
        self._link = link
        self._bucket = keys.buckets[0]
        self._keys = keys.reviews
        self._ids = ids
        self._limits = limits

    def new_id(self) -> ReviewId:
        """Name a review."""
        return self._ids.review(0)

    async def start(self, new: NewReview) -> bool:
        """Put a packet before its owner; false when just this one was put before.

        Raises:
            SupersededError: others start reviews of this owner all the time.
            StoreUnavailableError: it may be there or not: repeat it.
        """
        names = sorted(new.entries)
        pieces = [names[start : start + PIECE] for start in range(0, len(names), PIECE)]
        for _ in range(_TRIES):
            await self._stage(new, pieces)
            reply = await self._link.run(scripts.REVIEW_START, *await self._starting(new, pieces))
            if reply[0] not in ("soon", "incomplete"):
                return accept(reply)[0] == "ok"
        raise SupersededError("others start reviews of this owner at this moment: try again")

    async def _stage(self, new: NewReview, pieces: Sequence[Sequence[str]]) -> None:
        key = self._keys.pieces(new.id)
        for number, names in enumerate(pieces):
            text = b"[" + b",".join(new.entries[name] for name in names) + b"]"
            await self._link.run(scripts.FACTS_KEEP, [key], [_STAGED_MS, number, text.decode()])

    async def _starting(
        self, new: NewReview, pieces: Sequence[Sequence[str]]
    ) -> tuple[list[str], list[Value]]:
        place = f"{new.tenant} {new.owner}"
        former = await self._link.read("HGET", self._keys.open, place) or ""
        keys = [
            *self._bucket.head,
            self._keys.review(new.id),
            self._keys.pieces(new.id),
            self._keys.index,
            self._keys.open,
            self._keys.review(ReviewId(former or "none")),
        ]
        args: list[Value] = [
            self._ids.operation(),
            new.id,
            new.tenant,
            new.owner,
            new.due_ms,
            new.due_ms + KEPT_MS,
            len(pieces),
            new.header.decode(),
            new.digest,
            len(new.entries),
            codec.encode([names[0] for names in pieces]),
            self._limits.outbox,
            codec.encode(new.detail),
            former,
        ]
        return keys, args

    async def view(self, review: ReviewId) -> KeptReview:
        """Return a review.

        Raises:
            NotFoundError: there is none, or it is not kept any more.
        """
        found = await self._link.read("HMGET", self._keys.review(review), *_FIELDS)
        if found[0] is None or found[8] is None:
            raise NotFoundError("no such review")
        with codec.reading("a review in the ledger"):
            tenant, owner, due, started, header, digest, agents, answered, state, late, starts = (
                str(each or "") for each in found
            )
            return KeptReview(
                id=review,
                tenant=tenant,
                owner=owner,
                due_ms=int(due),
                started_ms=int(started),
                header=header,
                digest=digest,
                agents=int(agents),
                answered=int(answered),
                state=state,
                overdue_ms=int(late or 0),
                starts=msgspec.json.decode(starts, type=tuple[str, ...]),
            )

    async def newest(self, before: str) -> tuple[list[tuple[str, ReviewId]], str]:
        """Return places and ids, the newest first, below a place; and what follows, or nothing."""
        window = (f"({before}" if before else "+inf", "-inf", "WITHSCORES", "LIMIT", 0, _LOOKED)
        flat = await self._link.read("ZREVRANGEBYSCORE", self._keys.index, *window)
        places = [str(int(float(score))) for score in flat[1::2]]
        found = [(at, ReviewId(name)) for at, name in zip(places, flat[::2], strict=True)]
        return found, places[-1] if len(found) == _LOOKED else ""

    async def piece(self, review: KeptReview, number: int) -> list[msgspec.Raw]:
        """Return the agents of one piece, each as JSON, by name; nothing beyond the last."""
        if number >= len(review.starts):
            return []
        text = await self._link.read("HGET", self._keys.pieces(review.id), str(number))
        if text is None:
            raise StoreUnavailableError("a part of the packet is not there")
        return msgspec.json.decode(text, type=list[msgspec.Raw])

    def piece_of(self, review: KeptReview, agent: str) -> int:
        """Return in which piece an agent is, if it is in any."""
        return max(0, bisect_right(review.starts, agent) - 1)

    async def answers(self, review: ReviewId, agents: Sequence[str]) -> dict[str, Kept]:
        """Return what was answered about some agents."""
        if not agents:
            return {}
        fields = [f"{kind}:{name}" for name in agents for kind in ("a", "at", "e")]
        flat = await self._link.read("HMGET", self._keys.review(review), *fields)
        found: dict[str, Kept] = {}
        for at, name in enumerate(agents):
            answer, when, effect = flat[3 * at : 3 * at + 3]
            if answer is not None:
                found[name] = Kept(name, str(answer), int(when or 0), str(effect or ""))
        return found

    async def answer(
        self,
        review: ReviewId,
        agent: str,
        *,
        packet: str,
        answer: bytes,
        same: bytes,
        tenant: str,
        detail: Mapping[str, object],
    ) -> int:
        """Keep an answer; return when it was given. One that says the ``same`` is the same.

        Raises:
            NotFoundError: no such review.
            SupersededError: somebody has answered otherwise, or another packet stands.
        """
        keys = [*self._bucket.head, self._keys.review(review)]
        args: list[Value] = [
            self._ids.operation(),
            review,
            agent,
            packet,
            answer.decode(),
            hashlib.sha256(same).hexdigest(),
            tenant,
            self._limits.outbox,
            codec.encode(detail),
        ]
        reply = await self._link.run(scripts.REVIEW_ANSWER, keys, args)
        if reply[0] in _REFUSED:
            raise SupersededError(_REFUSED[reply[0]])
        return int(accept(reply)[1])

    async def effected(
        self,
        review: ReviewId,
        agent: str,
        effect: bytes,
        tenant: str,
        detail: Mapping[str, object],
    ) -> None:
        """Keep what came of an answer, once."""
        keys = [*self._bucket.head, self._keys.review(review)]
        args: list[Value] = [self._ids.operation(), review, agent, effect.decode(), tenant]
        await self._link.run(scripts.REVIEW_EFFECT, keys, [*args, codec.encode(detail)])

    async def overdue(self, review: ReviewId, tenant: str, detail: Mapping[str, object]) -> None:
        """Note that a review was not answered in time, once."""
        keys = [*self._bucket.head, self._keys.review(review)]
        args: list[Value] = [self._ids.operation(), tenant, codec.encode(detail)]
        await self._link.run(scripts.REVIEW_OVERDUE, keys, args)


_REFUSED: Final = {
    "taken": "somebody has answered about this agent already, and otherwise",
    "superseded": "a newer review has taken the place of this one: answer that",
    "changed": "this is not the packet that was answered about: look at it again",
}
