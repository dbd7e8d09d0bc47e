"""Making packets beside the brokers: from audit trails, or from what the ledger still knows.

One packet for each owner of the tenant's agents, which takes the place of an unanswered one. The
agents that the facts register are in order until the due day at most from then on; the others are
held when it is over.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from broker.clock import Clock, rfc3339
from broker.errors import InvalidRequestError, SupersededError, UnavailableError
from broker.fact_desk import FactDesk
from broker.facts.change import ChangeSet, PutThing
from broker.facts.facts import Facts
from broker.facts.review import review_ends_ms
from broker.governance.bundle import Bundle
from broker.governance.published import Published
from broker.installation import Installation
from broker.model.fact import Thing, ThingKind
from broker.policy.query import Query
from broker.reviews.packets import Entry, Header, digest_of, encode, entry_of, owner_label
from broker.reviews.rights import rights_of
from broker.reviews.trails import Evidence, Tell, Trails
from broker.reviews.usage import UsageBook
from broker.store.recorded import Grant, Recorded, Refusal
from broker.store.review_ledger import NewReview

THE_LEDGER: Final = "the ledger"
"""What evidence is called that is in no trail."""

_TRIES: Final = 5
_QUERY: Final = msgspec.json.Decoder(Query)
_CHANGES: Final = 5_000

Heard = Callable[[str, int, int], None]
"""Is told what is done, and how far."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose agents are to be reviewed, by when, on what evidence; ``owners`` none: all."""

    tenant: str
    owners: tuple[str, ...]
    due: str
    next_review: str
    reason: str
    since: str
    trails: tuple[Path, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Started:
    """One review that was started."""

    id: str
    header: Header
    digest: str


@dataclass(frozen=True, slots=True)
class _Ground:
    """What packets are made of."""

    published: Published
    book: UsageBook
    evidence: Evidence
    now_ms: int


class ReviewDesk:
    """Starts reviews of one installation."""

    def __init__(self, found: Installation, clock: Clock, heard: Heard) -> None:
        self._found = found
        self._clock = clock
        self._heard = heard
        self._desk = FactDesk(found, clock)

    async def start(self, wish: Wish) -> list[Started]:
        """Put a packet before each owner.

        Raises:
            InvalidRequestError: no such tenant, or no such owner in it.
            UnavailableError: the ledger does not answer, or nothing is published.
            OSError: a trail cannot be read to its end.
        """
        facts = await self._desk.facts()
        published = (await published_of(self._found, self._clock)).with_facts(facts)
        owned = _owned(published.facts, wish)
        book, evidence = await self._evidence(wish)
        ground = _Ground(published, book, evidence, self._clock.now_ms())
        started = []
        for number, ((owner, registered), agents) in enumerate(sorted(owned.items())):
            entries = await self._entries(agents, ground)
            header = self._header(wish, owner, ground, len(entries), registered=registered)
            started.append(await self._put(header, entries))
            self._heard("packets", number + 1, len(owned))
        await self._bound([each.name for agents in owned.values() for each in agents], wish)
        return started

    async def _evidence(self, wish: Wish) -> tuple[UsageBook, Evidence]:
        book = UsageBook(wish.tenant)
        if not wish.trails:
            return book, await self._of_ledger(book, wish.since)
        trails = Trails(wish.trails, _kib(self._heard))
        for record in trails.records():
            if str(record.get("at", "")) >= wish.since:
                book.add(record)
        return book, trails.evidence

    async def _of_ledger(self, book: UsageBook, since: str) -> Evidence:
        recorded = self._found.ledger.recorded
        evidence = Evidence((THE_LEDGER,), since=since, until=rfc3339(self._clock.now_ms()))
        for bucket in range(recorded.buckets):
            async for record in _records(recorded, bucket):
                if str(record["at"]) >= since:
                    evidence.records += 1
                    book.add(record)
            self._heard("reading the ledger, buckets", bucket + 1, recorded.buckets)
        return evidence

    async def _entries(self, agents: Sequence[Thing], ground: _Ground) -> dict[str, Entry]:
        published, found = ground.published, {}
        for number, agent in enumerate(sorted(agents, key=lambda each: each.name)):
            rights = await rights_of(
                agent, published.facts, published.capabilities, published.decider, ground.now_ms
            )
            usage = ground.book.of(agent.name)
            found[agent.name] = entry_of(
                agent, rights, usage, published.capabilities, published.resource_servers
            )
            self._heard("asking policy, agents", number + 1, len(agents))
        return found

    def _header(
        self, wish: Wish, owner: str, ground: _Ground, agents: int, *, registered: bool
    ) -> Header:
        evidence = ground.evidence
        return Header(
            tenant=wish.tenant,
            owner=owner,
            registered=registered,
            due=wish.due,
            next_review=wish.next_review,
            reason=wish.reason,
            by=wish.by,
            since=max(wish.since, evidence.since),
            until=evidence.until,
            evidence=evidence,
            bundle=ground.published.revision,
            bundle_digest=ground.published.digest,
            facts=ground.published.graph,
            agents=agents,
        )

    async def _put(self, header: Header, entries: Mapping[str, Entry]) -> Started:
        reviews = self._found.ledger.reviews
        texts = {name: encode(entry) for name, entry in entries.items()}
        head = encode(header)
        digest = digest_of(head, [texts[name] for name in sorted(texts)])
        told = {"owner": header.owner, "due": header.due, "by": header.by, "packet": digest}
        review = reviews.new_id()
        new = NewReview(
            id=review,
            tenant=header.tenant,
            owner=header.owner,
            due_ms=ends_ms(header.due),
            header=head,
            digest=digest,
            entries=texts,
            detail={"review": review, "agents": len(texts), "reason": header.reason, **told},
        )
        await reviews.start(new)
        return Started(review, header, digest)

    async def _bound(self, names: Sequence[str], wish: Wish) -> None:
        """Let the facts' own agents be in order until the due day at most."""
        for start in range(0, len(names), _CHANGES):
            some = names[start : start + _CHANGES]
            for left in reversed(range(_TRIES)):
                facts = await self._desk.facts()
                changes = tuple(_bounds(facts, some, wish.due))
                why = f"reviews are due on {wish.due}: {wish.reason}"[:500]
                if not changes:
                    break
                try:
                    await self._desk.make(facts.revision, ChangeSet(wish.by, why, changes))
                    break
                except SupersededError:
                    if not left:
                        raise


async def published_of(found: Installation, clock: Clock) -> Published:
    """Return what is published, over no facts of the log.

    Raises:
        UnavailableError: the ledger does not answer, or nothing is published.
    """
    record = await found.ledger.control.read()
    if record is None or not record.revision:
        raise UnavailableError("nothing is published: run `broker apply` first")
    text = await found.ledger.control.bundle(record.revision)
    bundle, quotas = Bundle.from_bytes(text.encode()), found.settings.quotas
    return Published.of(bundle, revision=record.revision, quotas=quotas, clock=clock)


async def published_now(found: Installation, clock: Clock) -> Published:
    """Return what is published, over the facts as they stand."""
    facts = await FactDesk(found, clock).facts()
    return (await published_of(found, clock)).with_facts(facts)


def ends_ms(day: str) -> int:
    """Return when a day is over, UTC."""
    return review_ends_ms(Thing(kind=ThingKind.AGENT, tenant="any", name="any", review_by=day))


def _bounds(facts: Facts, names: Sequence[str], due: str) -> Iterator[PutThing]:
    for name in names:
        thing = facts.agent(name)
        logged = None if thing is None or thing.ref in facts.base.things else thing
        if logged is not None and (not logged.review_by or logged.review_by > due):
            yield PutThing(replace(logged, review_by=due, hold=None))


def _owned(facts: Facts, wish: Wish) -> dict[tuple[str, bool], list[Thing]]:
    if wish.tenant not in facts.base.tenants:
        raise InvalidRequestError("there is no such tenant", field="tenant")
    found: dict[tuple[str, bool], list[Thing]] = defaultdict(list)
    for ref in facts.agents():
        agent = facts.thing(ref) if ref.tenant == wish.tenant else None
        if agent is not None and agent.status != "retired":
            found[owner_label(agent, facts)].append(agent)
    known = {owner for owner, _ in found}
    for owner in wish.owners:
        if owner not in known:
            raise InvalidRequestError(f"{owner} owns no agent of {wish.tenant}", field="owner")
    return {key: each for key, each in found.items() if not wish.owners or key[0] in wish.owners}


def _of_refusal(refusal: Refusal) -> dict[str, object]:
    try:
        query = _QUERY.decode(refusal.question)
    except (msgspec.DecodeError, InvalidRequestError):
        return {"at": rfc3339(refusal.at_ms)}
    asked = {
        "action": str(query.action),
        "agent": query.task.agent,
        "capability": query.capability.name if query.capability else "",
        "scopes": tuple(sorted(query.scopes)),
    }
    return {
        "type": "decision.denied",
        "tenant": query.task.tenant,
        "at": rfc3339(refusal.at_ms),
        "reason": refusal.reason,
        "request": asked,
    }


async def _records(recorded: Recorded, bucket: int) -> AsyncIterator[dict[str, object]]:
    tasks: set[str] = set()
    async for grants in recorded.grants(bucket, 0):
        for grant in grants:
            for record in _of_grant(grant, tasks):
                yield record
    async for refusals in recorded.refusals(bucket, 0):
        for refusal in refusals:
            yield _of_refusal(refusal)


def _of_grant(grant: Grant, tasks: set[str]) -> Iterator[dict[str, object]]:
    spec, task = grant.held.spec, grant.task
    common = {"tenant": spec.tenant, "agent": spec.agent, "at": rfc3339(grant.at_ms)}
    if task.id not in tasks:
        tasks.add(task.id)
        behalf = {"on_behalf_of": task.on_behalf_of, "actors": task.actors}
        yield {**common, "type": "task.opened", **behalf}
    lines = {"capability": spec.capability, "scopes": spec.scopes}
    yield {**common, "type": "lease.issued", **lines}
    if grant.used_at_ms:
        yield {**common, "type": "lease.used", **lines, "at": rfc3339(grant.used_at_ms)}
    if grant.said_times:
        use = {**lines, "credential": spec.id, "outcome": "answered", "times": grant.said_times}
        yield {**common, "type": "use.said", "uses": [use], "at": rfc3339(grant.said_at_ms)}


def _kib(heard: Heard) -> Tell:
    return lambda done, total: heard("reading trails, in KiB", -(-done // 1024), -(-total // 1024))
