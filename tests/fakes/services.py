"""The verbs as doubles that record what reaches them, and fail or wait where a test says so."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from broker.cuts import StandingCut
from broker.errors import AttestationError
from broker.http.limits import Limits
from broker.http.possession import Possession
from broker.http.services import Readiness, Services
from broker.ids import LeaseId, RevocationId, TaskId
from broker.metrics import Metrics
from broker.model.evaluation import Asked, Evaluated, Evaluation, Semantic
from broker.model.lease import Lease, LeaseState
from broker.model.principal import Kind, Principal
from broker.model.requests import (
    ExtendTask,
    Introspected,
    LeaseFilter,
    LeasePage,
    OpenedTask,
    OpenTask,
    Revocation,
    Selector,
    SelectorKind,
    TaskFilter,
    TaskPage,
)
from broker.model.selection import Criteria, Selection
from broker.model.task import Task, TaskState
from broker.proof.confirmation import NOTHING_PROVEN, ProvenKeys
from broker.proof.dpop import ProofChecker
from broker.proof.replays import MemoryReplays
from broker.revisions import KeyStates, Revision, ShadowReport
from broker.secret import Secret
from broker.store.control_record import ControlRecord, GoneKey, Publication, PublicKey
from broker.store.replicas import Replica, Serving
from broker.store.shadow_ledger import Difference, ShadowCounts, ShadowRecord
from tests.fakes.agents import FakeAgents
from tests.fakes.clock import FakeClock
from tests.fakes.fact_verbs import fake_facts
from tests.fakes.fake_approvals import FakeApprovals
from tests.fakes.fake_ends import FakeEnds
from tests.fakes.fake_explain import FakeExplain
from tests.fakes.fake_glass import FakeGlass
from tests.fakes.fake_issuance import FakeIssuance
from tests.fakes.fake_said import FakeSaid
from tests.fakes.fake_sessions import FakeSessions
from tests.fakes.fake_trees import FakeTrees
from tests.fakes.finding_verbs import FakeFindings, FakeSignals
from tests.fakes.freezing import FakeFreezing
from tests.fakes.orders import FakeOrderList, FakeReports
from tests.fakes.replace import replace
from tests.fakes.review_verbs import FakeReviews
from tests.fakes.samples import (
    AUDIENCE,
    CHILD,
    HANDLE,
    ISSUER,
    NOW_MS,
    a_key_set,
    a_lease,
    a_revocation,
    a_task,
)


def principal(kind: Kind, name: str) -> Principal:
    """Make a caller of tenant acme."""
    return Principal(
        kind=kind,
        name=name,
        tenants=frozenset({"acme"}),
        instance="pod-1",
        issuer="https://issuer.example",
        subject=f"subject-of-{name}",
        expires_at_ms=NOW_MS + 3_600_000,
    )


CALLERS = {
    "token-of-agent": principal(Kind.AGENT, "invoice-bot"),
    "token-of-orchestrator": principal(Kind.ORCHESTRATOR, "ci"),
    "token-of-operator": principal(Kind.OPERATOR, "olga"),
    "token-of-person": principal(Kind.PERSON, "dana"),
    "token-of-resource": principal(Kind.RESOURCE, AUDIENCE),
}
"""Whom :meth:`Stage.authenticate` knows, by bearer token."""


T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One call of a verb."""

    verb: str
    caller: Principal
    arguments: tuple[Any, ...]


@dataclass
class Stage:
    """What all doubles share: the record of calls, and what a test wants to happen."""

    calls: list[Call] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    errors: dict[str, BaseException] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event | None = None
    off_contract: bool = False
    """Set where a verb answers what it never would: the contract is then not held."""
    ready: Readiness = field(
        default_factory=lambda: Readiness(is_ready=True, mode="full", durability="os")
    )
    logs: LogCapture = field(default_factory=LogCapture)
    requests: int = 0

    def came(self) -> None:
        """Count a request."""
        self.requests += 1

    async def authenticate(self, token: str) -> Principal:
        """Attest: the tokens of CALLERS stand, no other does."""
        if token not in CALLERS:
            raise AttestationError("signature", "kid k7: the signature does not hold")
        return CALLERS[token]

    async def play(self, verb: str, caller: Principal, *arguments: object, answer: T) -> T:
        """Record a call; then wait, fail or answer."""
        self.calls.append(Call(verb, caller, arguments))
        self.entered.set()
        if self.held is not None:
            await self.held.wait()
        if verb in self.errors:
            raise self.errors[verb]
        self.ended.append(verb)
        return self.answers.get(verb, answer)

    def verbs(self) -> list[str]:
        """Name the verbs that were called, in order."""
        return [call.verb for call in self.calls]

    def events(self) -> list[str]:
        """Name the events that were logged, in order."""
        return [str(entry["event"]) for entry in self.logs.entries]


@dataclass
class FakeTasks:
    """Verbs on tasks."""

    stage: Stage

    async def open(self, caller: Principal, request: OpenTask, idempotency_key: str) -> OpenedTask:
        """Open."""
        handle = None if request.instance else Secret(HANDLE)
        answer = OpenedTask(a_task(), handle, is_new=True)
        return await self.stage.play("tasks.open", caller, request, idempotency_key, answer=answer)

    async def claim(self, caller: Principal, task: TaskId, handle: str) -> Task:
        """Claim."""
        return await self.stage.play("tasks.claim", caller, task, handle, answer=a_task(task))

    async def show(self, caller: Principal, task: TaskId) -> Task:
        """Show."""
        return await self.stage.play("tasks.show", caller, task, answer=a_task(task))

    async def heartbeat(self, caller: Principal, task: TaskId) -> Task:
        """Beat."""
        return await self.stage.play("tasks.heartbeat", caller, task, answer=a_task(task))

    async def extend(
        self, caller: Principal, task: TaskId, request: ExtendTask, idempotency_key: str
    ) -> Task:
        """Extend."""
        asked = (task, request, idempotency_key)
        return await self.stage.play("tasks.extend", caller, *asked, answer=a_task(task))

    async def close(self, caller: Principal, task: TaskId, outcome: TaskState, reason: str) -> Task:
        """Close."""
        at_ms, by = NOW_MS + 1_000, {"ended_by": "done", "closed_by": caller.ref}
        closed = replace(a_task(task), state=outcome, is_alive=False, closed_at_ms=at_ms, **by)
        return await self.stage.play("tasks.close", caller, task, outcome, reason, answer=closed)


@dataclass
class FakeListing:
    """Looking at many tasks."""

    stage: Stage

    async def find(self, caller: Principal, which: TaskFilter, cursor: str, limit: int) -> TaskPage:
        """List."""
        page = TaskPage((a_task(), a_task(CHILD)), "3.17")
        return await self.stage.play("listing.find", caller, which, cursor, limit, answer=page)


@dataclass
class FakeCredentials:
    """Looking at leases, and giving them back."""

    stage: Stage

    async def show(self, caller: Principal, lease: LeaseId) -> Lease:
        """Show."""
        return await self.stage.play("credentials.show", caller, lease, answer=a_lease())

    async def find(
        self, caller: Principal, task: TaskId, which: LeaseFilter, cursor: str, limit: int
    ) -> LeasePage:
        """List."""
        page = LeasePage((a_lease(),), "")
        return await self.stage.play(
            "credentials.find", caller, task, which, cursor, limit, answer=page
        )

    async def give_back(self, caller: Principal, lease: LeaseId) -> Lease:
        """Give back."""
        ended = replace(
            a_lease(),
            state=LeaseState.ENDED,
            is_alive=False,
            ended_at_ms=NOW_MS + 2_000,
            ended_by="given-back",
        )
        return await self.stage.play("credentials.give_back", caller, lease, answer=ended)


@dataclass
class FakeRevocations:
    """Orders of operators."""

    stage: Stage

    async def order(
        self, caller: Principal, selector: Selector, reason: str, idempotency_key: str
    ) -> Revocation:
        """Order."""
        arguments = (selector, reason, idempotency_key)
        answer = a_revocation(selector)
        return await self.stage.play("revocations.order", caller, *arguments, answer=answer)

    async def show(self, caller: Principal, revocation: RevocationId) -> Revocation:
        """Show."""
        answer = a_revocation(Selector(SelectorKind.AGENT, "invoice-bot", "acme"))
        return await self.stage.play("revocations.show", caller, revocation, answer=answer)


def a_selection() -> Selection:
    """A set of one credential."""
    return Selection(
        digest="ab" * 32,
        criteria=Criteria(agent="invoice-bot"),
        tenants=("acme",),
        issued_before_ms=0,
        epoch="epoch-1",
        taken_at_ms=NOW_MS,
        taken_by="operator:alice",
        count=1,
        agents={"invoice-bot": 1},
        capabilities={"orders-api": 1},
    )


@dataclass
class FakeSelections:
    """Sets that operators pick."""

    stage: Stage

    async def take(self, caller: Principal, criteria: Criteria) -> Selection:
        """Pick."""
        return await self.stage.play("selections.take", caller, criteria, answer=a_selection())

    async def show(self, caller: Principal, digest: str) -> Selection:
        """Show."""
        return await self.stage.play("selections.show", caller, digest, answer=a_selection())

    async def page(self, caller: Principal, digest: str, cursor: str, limit: int) -> LeasePage:
        """List."""
        page = LeasePage((a_lease(),), "")
        return await self.stage.play("selections.page", caller, digest, cursor, limit, answer=page)


@dataclass
class FakeCuts:
    """Cuts that stand: none."""

    stage: Stage

    async def find(self, caller: Principal) -> list[StandingCut]:
        """List."""
        return await self.stage.play("cuts.find", caller, answer=[])


@dataclass
class FakeIntrospection:
    """Introspection: nothing is active unless the test says so."""

    stage: Stage

    async def introspect(self, caller: Principal, token: str) -> Introspected | None:
        """Introspect."""
        return await self.stage.play("introspection.introspect", caller, token, answer=None)


@dataclass
class FakeEvaluations:
    """Answering others."""

    stage: Stage

    async def evaluate(self, caller: Principal, question: Evaluation) -> Evaluated:
        """Answer one."""
        answer = Evaluated(decision=True)
        return await self.stage.play("evaluations.evaluate", caller, question, answer=answer)

    async def evaluate_all(
        self, caller: Principal, questions: Sequence[Asked], semantic: Semantic
    ) -> Sequence[Evaluated]:
        """Answer several."""
        answer = [Evaluated(decision=True) for _ in questions]
        asked = (caller, questions, semantic)
        return await self.stage.play("evaluations.evaluate_all", *asked, answer=answer)


PUBLICATION = Publication(2, "ab" * 32, "uid-1@host", "OPS-17", NOW_MS, 9, rollback_of=1)


@dataclass
class FakeRevisions:
    """What is published."""

    stage: Stage

    async def all(self, caller: Principal) -> list[Publication]:
        """List."""
        return await self.stage.play("revisions.all", caller, answer=[PUBLICATION])

    async def find(self, caller: Principal, revision: int) -> Revision:
        """Show."""
        answer = Revision(PUBLICATION, {"version": 1})
        return await self.stage.play("revisions.find", caller, revision, answer=answer)

    async def keys(self, caller: Principal) -> KeyStates:
        """Show the keys."""
        key = PublicKey("k1", "EdDSA", "active", {"kty": "OKP"}, since_ms=NOW_MS)
        gone = GoneKey("k0", "retired", NOW_MS, "uid-1@host")
        record = ControlRecord(
            3, "e", 1, 16, 2, "ab" * 32, (key,), manifest=4, gone=(gone,), now_ms=NOW_MS
        )
        serving = Serving("host 127.0.0.1:8700", 4, "cd" * 32, ("k1",), 2, is_giving=True)
        answer = KeyStates(record, (Replica("r1", NOW_MS, serving, NOW_MS),))
        return await self.stage.play("revisions.keys", caller, answer=answer)

    async def shadow(self, caller: Principal) -> ShadowReport:
        """Show what a candidate came to."""
        record = ShadowRecord("c-1", "ab" * 32, "uid-1@host", "OPS-17", NOW_MS, 0)
        other = Difference("now-refused", "invoice-bot", "orders-api")
        answer = ShadowReport(record, ShadowCounts({"same": 2, "now-refused": 1}, {other: 1}))
        return await self.stage.play("revisions.shadow", caller, answer=answer)


class NoClients:
    """Nobody shows a certificate."""

    def by_certificate(self, chain: Sequence[bytes]) -> Principal:
        """Know nobody."""
        raise AttestationError("certificate", f"{len(chain)} certificates of nobody")

    def key_of(self, _chain: Sequence[bytes]) -> ProvenKeys:
        """Know no key."""
        return NOTHING_PROVEN


def _log_of(stage: Stage) -> FilteringBoundLogger:
    bound = structlog.make_filtering_bound_logger(0)
    log: FilteringBoundLogger = structlog.wrap_logger(
        None, processors=[stage.logs], wrapper_class=bound
    )
    return log


def make_services(stage: Stage, **changes: object) -> Services:
    """Put the doubles together. ``changes`` replaces members of the result."""
    numbers, clock = itertools.count(1), FakeClock(NOW_MS)
    services = Services(
        tasks=FakeTasks(stage),
        freezing=FakeFreezing(stage),
        findings=FakeFindings(stage),
        signals=FakeSignals(stage),
        ends=FakeEnds(stage),
        said=FakeSaid(stage),
        listing=FakeListing(stage),
        trees=FakeTrees(stage, a_task(), a_task(CHILD)),
        agents=FakeAgents(stage),
        issuance=FakeIssuance(stage),
        approvals=FakeApprovals(stage),
        credentials=FakeCredentials(stage),
        revocations=FakeRevocations(stage),
        order_list=FakeOrderList(stage),
        selections=FakeSelections(stage),
        glass=FakeGlass(stage),
        cuts=FakeCuts(stage),
        sessions=FakeSessions(stage),
        reports=FakeReports(stage),
        introspection=FakeIntrospection(stage),
        explain=FakeExplain(stage),
        evaluations=FakeEvaluations(stage),
        revisions=FakeRevisions(stage),
        reviews=FakeReviews(stage),
        facts=fake_facts(stage),
        authenticate=stage.authenticate,
        clients=NoClients(),
        possession=Possession(ProofChecker(clock, MemoryReplays(clock)), ISSUER),
        readiness=lambda: stage.ready,
        jwks=a_key_set,
        metrics=Metrics(durability="os", reasons=("signature",), actions=("OpenTask",)),
        came=stage.came,
        limits=Limits(),
        clock=clock,
        log=_log_of(stage),
        issuer=ISSUER,
        durability="os",
        request_id=lambda: f"q{next(numbers)}",
    )
    return replace(services, **changes)
