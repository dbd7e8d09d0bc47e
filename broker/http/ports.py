"""The verbs, as the edge calls them. ``broker.app`` hands the real ones in."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from broker.agents import AgentPage, AgentView
from broker.approving import ApprovalPage, Reply, Shown
from broker.cuts import StandingCut
from broker.ids import ApprovalId, DecisionId, LeaseId, RevocationId, TaskId
from broker.model.approval import Approval
from broker.model.behaviour import FindingFilter, FindingPage, Kept
from broker.model.evaluation import Asked, Evaluated, Evaluation, Semantic
from broker.model.lease import Lease
from broker.model.principal import Principal
from broker.model.receipt import ALL_RECEIPTS, ReceiptFilter, ReportPage
from broker.model.requests import (
    AgentFilter,
    ApprovalFilter,
    ExtendTask,
    Introspected,
    IssueCredential,
    IssuedCredential,
    LeaseFilter,
    LeasePage,
    OpenedTask,
    OpenTask,
    Revocation,
    RevocationFilter,
    RevocationPage,
    Selector,
    Supposed,
    TaskFilter,
    TaskPage,
)
from broker.model.selection import Criteria, Selection
from broker.model.task import Task, TaskState
from broker.revisions import KeyStates, Revision, ShadowReport
from broker.store.control_record import Publication
from broker.task_trees import TreePage


class Evaluations(Protocol):
    """:class:`broker.evaluations.Evaluations`."""

    async def evaluate(self, caller: Principal, question: Evaluation) -> Evaluated:
        """Answer one question."""
        ...

    async def evaluate_all(
        self, caller: Principal, questions: Sequence[Asked], semantic: Semantic
    ) -> Sequence[Evaluated]:
        """Answer several."""
        ...


class Tasks(Protocol):
    """:class:`broker.tasks.Tasks`."""

    async def open(self, caller: Principal, request: OpenTask, idempotency_key: str) -> OpenedTask:
        """Open a task."""
        ...

    async def claim(self, caller: Principal, task: TaskId, handle: str) -> Task:
        """Bind the caller's instance."""
        ...

    async def show(self, caller: Principal, task: TaskId) -> Task:
        """Show a task."""
        ...

    async def heartbeat(self, caller: Principal, task: TaskId) -> Task:
        """Note that the caller is there."""
        ...

    async def extend(
        self, caller: Principal, task: TaskId, request: ExtendTask, idempotency_key: str
    ) -> Task:
        """Move the deadline."""
        ...

    async def close(self, caller: Principal, task: TaskId, outcome: TaskState, reason: str) -> Task:
        """End a task."""
        ...


class Trees(Protocol):
    """:class:`broker.task_trees.TaskTrees`."""

    async def of_task(self, caller: Principal, task: TaskId, cursor: str, limit: int) -> TreePage:
        """Show a page of the tree from a task down."""
        ...


class Freezing(Protocol):
    """:class:`broker.freezing.Freezing`."""

    async def order(self, caller: Principal, task: TaskId, reason: str) -> Task:
        """Freeze a task."""
        ...

    async def thaw(self, caller: Principal, task: TaskId, reason: str) -> Task:
        """Thaw a task."""
        ...


class Findings(Protocol):
    """:class:`broker.behaviour_findings.BehaviourFindings`."""

    async def find(
        self, caller: Principal, which: FindingFilter, cursor: str, limit: int
    ) -> FindingPage:
        """Page through findings."""
        ...

    async def show(self, caller: Principal, finding: str) -> Kept:
        """Show one."""
        ...

    async def acknowledge(self, caller: Principal, finding: str, reason: str) -> Kept:
        """Say that somebody has looked at it."""
        ...


class Signals(Protocol):
    """:class:`broker.signals.Signals`."""

    async def take(self, token: str) -> Kept:
        """Take a signal, and do what it leads to."""
        ...


class Listing(Protocol):
    """:class:`broker.listing.Listing`."""

    async def find(self, caller: Principal, which: TaskFilter, cursor: str, limit: int) -> TaskPage:
        """Page through tasks."""
        ...


class Agents(Protocol):
    """:class:`broker.agents.Agents`."""

    async def find(
        self, caller: Principal, which: AgentFilter, cursor: str, limit: int
    ) -> AgentPage:
        """Page through agents."""
        ...

    async def show(self, caller: Principal, name: str) -> AgentView:
        """Show an agent, and what is live of it."""
        ...


class Issuance(Protocol):
    """:class:`broker.issuance.Issuance`."""

    async def issue(
        self, caller: Principal, task: TaskId, request: IssueCredential, idempotency_key: str
    ) -> IssuedCredential | Approval:
        """Issue a credential, or ask people first."""
        ...

    async def redeem(
        self, caller: Principal, approval: ApprovalId, idempotency_key: str
    ) -> IssuedCredential | Approval:
        """Issue what people have agreed to."""
        ...

    async def renew(
        self, caller: Principal, lease: LeaseId, ttl_ms: int, idempotency_key: str
    ) -> IssuedCredential:
        """Prolong a credential; 0 asks for the default."""
        ...


class Approvals(Protocol):
    """:class:`broker.approving.Approving`."""

    async def poll(self, caller: Principal, approval: ApprovalId) -> Approval | None:
        """Look whether it is the caller's own, and note that it has looked."""
        ...

    async def mine(self, caller: Principal, approval: ApprovalId) -> Approval:
        """Show the caller its own."""
        ...

    async def show(self, caller: Principal, approval: ApprovalId) -> Shown:
        """Show one to those who may answer it."""
        ...

    async def find(
        self, caller: Principal, which: ApprovalFilter, cursor: str, limit: int
    ) -> ApprovalPage:
        """Page through the open ones."""
        ...

    async def answer(self, caller: Principal, approval: ApprovalId, reply: Reply) -> Shown:
        """Say yes or no."""
        ...


class Credentials(Protocol):
    """:class:`broker.credentials.Credentials`."""

    async def show(self, caller: Principal, lease: LeaseId) -> Lease:
        """Show a credential's record."""
        ...

    async def find(
        self, caller: Principal, task: TaskId, which: LeaseFilter, cursor: str, limit: int
    ) -> LeasePage:
        """Page through a task's credentials."""
        ...

    async def give_back(self, caller: Principal, lease: LeaseId) -> Lease:
        """End a credential that is no longer needed."""
        ...


class Revocations(Protocol):
    """:class:`broker.revocation.Revocations`."""

    async def order(
        self, caller: Principal, selector: Selector, reason: str, idempotency_key: str
    ) -> Revocation:
        """Take access away."""
        ...

    async def show(self, caller: Principal, revocation: RevocationId) -> Revocation:
        """Show an order."""
        ...


class OrderList(Protocol):
    """:class:`broker.order_list.OrderList`."""

    async def find(
        self, caller: Principal, which: RevocationFilter, cursor: str, limit: int
    ) -> RevocationPage:
        """Page through orders."""
        ...


class Selections(Protocol):
    """:class:`broker.selections.Selections`."""

    async def take(self, caller: Principal, criteria: Criteria) -> Selection:
        """Pick a set."""
        ...

    async def show(self, caller: Principal, digest: str) -> Selection:
        """Show a set."""
        ...

    async def page(self, caller: Principal, digest: str, cursor: str, limit: int) -> LeasePage:
        """Page through a set."""
        ...


class Sessions(Protocol):
    """:class:`broker.session_ends.SessionEnds`."""

    async def by_caller(
        self, caller: Principal, person: str, tenant: str, reason: str, idempotency_key: str
    ) -> Revocation:
        """End the caller's own session, or somebody's."""
        ...

    async def by_issuer(self, token: str) -> Revocation:
        """End what an issuer says has ended."""
        ...


class Cuts(Protocol):
    """:class:`broker.cuts.Cuts`."""

    async def find(self, caller: Principal) -> list[StandingCut]:
        """List what stands."""
        ...


class Reports(Protocol):
    """:class:`broker.reports.Reports`."""

    async def of_task(
        self,
        caller: Principal,
        task: TaskId,
        cursor: str,
        limit: int,
        which: ReceiptFilter = ALL_RECEIPTS,
    ) -> ReportPage:
        """Page through the receipts of a task's end."""
        ...

    async def of_revocation(
        self,
        caller: Principal,
        revocation: RevocationId,
        cursor: str,
        limit: int,
        which: ReceiptFilter = ALL_RECEIPTS,
    ) -> ReportPage:
        """Page through the receipts of an order."""
        ...


class Introspection(Protocol):
    """:class:`broker.introspection.Introspection`."""

    async def introspect(self, caller: Principal, token: str) -> Introspected | None:
        """Judge a token; None says nothing about it at all."""
        ...


class Explain(Protocol):
    """:class:`broker.explain.Explain`."""

    async def decision(self, caller: Principal, decision: DecisionId) -> Mapping[str, object]:
        """Show a recorded decision."""
        ...

    async def credential(self, caller: Principal, lease: LeaseId) -> Mapping[str, object]:
        """Show why a credential was granted, and whether it would be now."""
        ...

    async def supposed(self, caller: Principal, asked: Supposed) -> Mapping[str, object]:
        """Show what a request would be answered that nobody has made."""
        ...


class Revisions(Protocol):
    """:class:`broker.revisions.Revisions`."""

    async def all(self, caller: Principal) -> list[Publication]:
        """Return the kept revisions, newest first."""
        ...

    async def find(self, caller: Principal, revision: int) -> Revision:
        """Return one revision."""
        ...

    async def keys(self, caller: Principal) -> KeyStates:
        """Return how the signing keys stand."""
        ...

    async def shadow(self, caller: Principal) -> ShadowReport:
        """Return what a candidate would have decided otherwise."""
        ...
