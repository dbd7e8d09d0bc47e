"""Approvers look at what waits for them, and answer it; and what nobody answers in time ends.

- A person sees what she may answer, or has answered; an operator everything of its tenants, and
  answers nothing as such. To everybody else it is absent (I6, I16).
- A yes is to what the page showed: its digest and its version; a no is taken on any page of it.
- Who may is judged by the facts of that moment, and the ledger refuses what read older ones.
- Noes of a task are counted: too many, and it is frozen for an operator to look at.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from broker.asking import Limits, Questions, is_asker
from broker.clock import Clock
from broker.cursor import foreign, number
from broker.errors import AccessDeniedError, BrokerError, NotFoundError, SupersededError
from broker.faultpoints import FaultPoints
from broker.governance.approvers import Parties, bar, may_answer, unmet, who_may
from broker.governance.published import Published
from broker.ids import ApprovalId, TaskId, parse_approval_id
from broker.judgement import Judgement
from broker.model.approval import Answer, Approval, Requirement, Voice
from broker.model.fact import Thing
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.model.requests import ApprovalFilter
from broker.ownership import is_operator_of
from broker.store.approval_records import Said, Saying
from broker.store.due_queue import Work
from broker.store.in_order import Entry
from broker.store.ledger import Ledger

_LOOKS: Final = 1_000
"""Records looked at for one page: bounds its work when few of them are the caller's."""

POLL_MS: Final = 5_000
"""Between two looks of whoever waits, and by how much more each time it does not wait that long
(RFC 8628 §3.5)."""

_MOST_POLL_MS: Final = 60_000


class Freeze(Protocol):
    """Stops a task: :class:`broker.freezing.Freezing`."""

    def __call__(self, task: TaskId, *, by: str, reason: str) -> Awaitable[object]:
        """Freeze it."""
        ...


class Replica(Protocol):
    """What is in force here."""

    @property
    def published(self) -> Published:
        """The published revision."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody answers, to what she has seen: its digest, and with a yes its version."""

    answer: Answer
    digest: str
    version: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One approval as an approver or operator sees it: with what the broker knows itself.

    ``agent`` is who asks, by the facts of now; ``lacking`` what still has to be met; ``who`` may
    answer, the first of them, is for operators to see.
    """

    approval: Approval
    agent: Thing | None
    lacking: tuple[Requirement, ...]
    may_answer: bool
    who: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """One page; ``cursor`` is empty on the last one."""

    approvals: tuple[Shown, ...]
    cursor: str


class Approving:
    """The verbs of approvers, and the worker of what is due of approvals.

    ``told`` is called with a task in whose bucket there are news.
    """

    def __init__(
        self,
        ledger: Ledger,
        judgement: Judgement,
        *,
        replica: Replica,
        clock: Clock,
        limits: Limits,
        faults: FaultPoints,
        told: Callable[[TaskId], None],
        freeze: Freeze,
    ) -> None:
        self.questions = Questions(
            ledger, judgement, clock=clock, limits=limits, faults=faults, told=told
        )
        self._ledger = ledger.approvals
        self._buckets = len(ledger.keys.buckets)
        self._judgement = judgement
        self._replica = replica
        self._clock = clock
        self._limits = limits
        self._faults = faults
        self._told = told
        self._freeze = freeze

    async def poll(self, caller: Principal, approval: ApprovalId) -> Approval | None:
        """Show what the very instance that asks here has asked for; None: it has not.

        Raises:
            NotFoundError: there is none.
            SlowDownError: it asks too often.
        """
        found = await self._ledger.find(approval)
        if not is_asker(caller, found.wanted):
            return None
        await self._ledger.poll(approval, every_ms=POLL_MS, step_ms=POLL_MS, most_ms=_MOST_POLL_MS)
        return found

    async def mine(self, caller: Principal, approval: ApprovalId) -> Approval:
        """Show its asker how it stands.

        Raises:
            NotFoundError: to everybody else.
        """
        return await self.questions.mine(caller, approval)

    async def show(self, caller: Principal, approval: ApprovalId) -> Shown:
        """Show one to those who may answer it, and to operators.

        Raises:
            NotFoundError: to everybody else.
        """
        published = self._replica.published
        found = self._visible(published, caller, await self._ledger.find(approval))
        if found is None:
            raise NotFoundError("no such approval")
        return found

    async def find(
        self, caller: Principal, which: ApprovalFilter, cursor: str, limit: int
    ) -> ApprovalPage:
        """Page through the open ones that the caller may see, oldest first.

        Those of one task are one page: no more than a task may have.

        Raises:
            InvalidRequestError: the cursor is none of this list.
        """
        published = self._replica.published
        if which.task is not None:
            known = await self._ledger.show(await self._ledger.of_task(which.task))
            open_ones = [each for each in known if isinstance(each, Approval)]
            seen = [self._listed(published, caller, which, each) for each in open_ones]
            return ApprovalPage(tuple(each for each in seen if each is not None), "")
        after = _parse(cursor) if cursor else None
        found: list[Shown] = []
        looked = 0
        while looked < _LOOKS:
            rows = await self._next(published, caller, after, limit)
            if not rows:
                return ApprovalPage(tuple(found), "")
            for row, approval in zip(rows, await self._seen(rows), strict=True):
                if len(found) == limit:
                    return ApprovalPage(tuple(found), _write(after))
                after, looked = row, looked + 1
                if approval is None:
                    continue
                shown = self._listed(published, caller, which, approval)
                found += [] if shown is None else [shown]
        return ApprovalPage(tuple(found), _write(after))

    def _listed(
        self, published: Published, caller: Principal, which: ApprovalFilter, approval: Approval
    ) -> Shown | None:
        is_meant = which.agent in {"", approval.wanted.agent}
        is_listed = approval.state.is_open and is_meant
        return self._visible(published, caller, approval) if is_listed else None

    async def _next(
        self,
        published: Published,
        caller: Principal,
        after: Entry[ApprovalId] | None,
        limit: int,
    ) -> list[Entry[ApprovalId]]:
        """Return the next open ones of the caller's tenants, over all buckets, oldest first."""
        if caller.kind not in {Kind.PERSON, Kind.OPERATOR}:
            return []
        everywhere = ALL_TENANTS in caller.tenants
        tenants = published.facts.base.tenants if everywhere else caller.tenants
        rows = [
            entry
            for tenant in sorted(tenants)
            for bucket in range(self._buckets)
            for entry in await self._ledger.page(bucket, tenant, after, limit)
        ]
        return sorted(rows)[:limit]

    async def _seen(self, rows: Sequence[Entry[ApprovalId]]) -> list[Approval | None]:
        return [await self._one(row.name) for row in rows]

    async def _one(self, approval: ApprovalId) -> Approval | None:
        [found] = await self._ledger.show([approval])
        return found if isinstance(found, Approval) else None  # none of ours hides no other

    def _visible(self, published: Published, caller: Principal, approval: Approval) -> Shown | None:
        wanted, facts = approval.wanted, published.facts
        if not caller.answers_for(wanted.tenant):
            return None
        now_ms, parties = self._clock.now_ms(), parties_of(approval)
        asked = wanted.requirements
        may = caller.kind is Kind.PERSON and may_answer(facts, caller.name, asked, parties, now_ms)
        is_operator = is_operator_of(caller, wanted.tenant)
        if not (may or is_operator or _has_answered(caller, approval)):
            return None
        lacking = unmet(facts, approval.agreeing(), asked, parties, now_ms)
        who = who_may(facts, asked, parties, now_ms) if is_operator else ()
        return Shown(approval, facts.agent(wanted.agent), lacking, may, who)

    async def answer(self, caller: Principal, approval: ApprovalId, reply: Reply) -> Shown:
        """Say yes or no, as a person who may; saying it again changes nothing.

        Raises:
            NotFoundError: the caller may not see it.
            AccessDeniedError: it may see it, and not answer it.
            ApprovalStaleError: it is not what the page showed any more.
            SupersededError: nothing more can be said to it, or policies have changed since.
            TaskClosedError: its task has ended, or is frozen.
        """

        async def attempt(published: Published, known: Principal) -> Said:
            found = await self._ledger.find(approval)
            self._require(published, known, found)
            return await self._say(published, known, found, reply)

        said = await self._judgement.on_fresh_facts(caller, attempt)
        self._faults.reach("answer.written")
        found = await self._ledger.find(approval)
        self._told(found.wanted.task)
        await self._follow(found, said, by=caller.ref)
        self._faults.reach("answer.followed")
        return await self.show(caller, approval)

    def _require(self, published: Published, caller: Principal, found: Approval) -> None:
        shown = self._visible(published, caller, found)
        if shown is None:
            raise NotFoundError("no such approval")
        if shown.may_answer:
            return
        if caller.kind is not Kind.PERSON:
            raise AccessDeniedError("people-only")
        now_ms, parties = self._clock.now_ms(), parties_of(found)
        bars = [
            bar(published.facts, caller.name, each, parties, now_ms)
            for each in found.wanted.requirements
        ]
        raise AccessDeniedError(next((why.value for why in bars if why), "people-only"))

    async def _say(
        self, published: Published, caller: Principal, found: Approval, reply: Reply
    ) -> Said:
        wanted, is_yes = found.wanted, reply.answer is Answer.YES
        if is_yes and published.decider.version != wanted.engine_version and found.state.is_open:
            await self._ledger.supersede(found.id, "policy-changed")
            self._told(wanted.task)
            raise SupersededError("policies have changed since it was asked: it is asked anew")
        voice = Voice(
            caller.name, reply.answer, reply.digest, caller.issuer, caller.subject, reply.reason
        )
        voices, now_ms = found.agreeing() | {caller.name}, self._clock.now_ms()
        lacking = unmet(published.facts, voices, wanted.requirements, parties_of(found), now_ms)
        saying = Saying(voice, reply.version, not lacking, published.revision, published.graph)
        return await self._ledger.answer(found, saying, self._limits.bounds)

    async def _follow(self, found: Approval, said: Said, *, by: str) -> None:
        if said.state.is_open:
            return
        await self.questions.free(found)
        most = self._limits.noes_to_freeze
        if most and said.noes >= most:
            reason = f"people said no to {said.noes} requests of it"
            await self._freeze(found.wanted.task, by=by, reason=reason)

    async def task_ended(self, task: TaskId) -> None:
        """End what a task that has ended still waits for."""
        for approval in await self._ledger.of_task(task):
            await self._ledger.supersede(approval, "task-ended")
            await self._let_go(approval)

    async def work(self, work: Work) -> int | None:
        """``a``: end what nobody has answered or used in time; tidy up after what has ended."""
        approval = parse_approval_id(work.subject)
        if await self._ledger.expire(approval):
            await self._let_go(approval)
        return None

    async def _let_go(self, approval: ApprovalId) -> None:
        try:
            await self.questions.free(await self._ledger.find(approval))
        except BrokerError:
            return  # what cannot be read is counted until it would have expired


def parties_of(approval: Approval) -> Parties:
    """Return who has a part in what is to be agreed to."""
    wanted = approval.wanted
    agents = tuple(dict.fromkeys((*wanted.above, wanted.agent)))
    return Parties(wanted.tenant, agents, wanted.opener, wanted.on_behalf_of)


def _has_answered(caller: Principal, approval: Approval) -> bool:
    mine = (caller.name, caller.issuer, caller.subject)
    return caller.kind is Kind.PERSON and any(
        (voice.person, voice.issuer, voice.subject) == mine for voice in approval.voices
    )


def _parse(cursor: str) -> Entry[ApprovalId]:
    at, _, name = cursor.partition(".")
    try:
        return Entry(number(at, "list"), parse_approval_id(name))
    except BrokerError as error:
        raise foreign("list") from error


def _write(after: Entry[ApprovalId] | None) -> str:
    return "" if after is None else f"{after.at_ms}.{after.name}"
