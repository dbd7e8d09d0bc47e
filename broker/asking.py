"""People are asked before something is given, and what they agreed to is given: that, once.

    decided ─ is it waiting, or answered? ─ have those agreed who may still? ─ use it up (the grant)
            ─ nobody was asked: ask

- The request is put together anew each time, from what is decided now; only if that is byte for
  byte what people saw does their answer count (I8).
- Whoever has agreed is looked at again, by the facts that decide: a voice that may not be raised
  any more counts for nothing, and people are asked anew.
- An agent has few questions open at a time; the same one is asked once. (I14)
- Where there are not even enough people who could agree, nobody is asked: it is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from broker.approval_errors import ApprovalUsedError
from broker.clock import Clock
from broker.errors import (
    AccessDeniedError,
    NotFoundError,
    QuotaExceededError,
    StoreUnavailableError,
    SupersededError,
)
from broker.faultpoints import FaultPoints
from broker.governance.approvers import Parties, unmet, until_ms, who_may
from broker.governance.published import Published
from broker.ids import ApprovalId, LeaseId, TaskId
from broker.judgement import Judgement
from broker.model.approval import Approval, ApprovalState, Approved, Use, Wanted
from broker.model.capability import Capability
from broker.model.decision import NeedsApproval
from broker.model.principal import Kind, Principal
from broker.model.requests import IssueCredential
from broker.model.task import TaskSpec
from broker.policy.hours import earlier
from broker.policy.query import Query
from broker.settings.limits import Approvals as Settings
from broker.store.approval_records import Asking, Bounds, digest_of
from broker.store.ledger import Ledger
from broker.store.new_lease import NewLease
from broker.store.quotas import Quota
from broker.target_wishes import digest_of as template_of

QUESTIONS: Final = "questions"
"""The kind of quota that counts what is asked of people."""

_TOLD: Final = 50
"""So many of those who may answer are named to whoever tells them."""

_ENOUGH: Final = 1_000

_NOBODY: Final = Use(ApprovalId("none"), "", 0)
"""What a repeat brings along that finds its first grant by its key: alone it gives nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``of_agent``: open questions of one agent; ``bounds`` are the ledger's.

    After ``noes_to_freeze`` noes a task is frozen; 0: never.
    """

    of_agent: int = 20
    noes_to_freeze: int = 3
    bounds: Bounds = field(default_factory=Bounds)

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Read them from the settings."""
        return cls(
            of_agent=settings.per_agent,
            noes_to_freeze=settings.noes_to_freeze,
            bounds=Bounds(
                pending_ms=settings.pending_seconds * 1000,
                denied_ms=settings.after_no_seconds * 1000,
                of_task=settings.per_task,
            ),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One decided request. ``redeeming``: what its asker names as the approval of it."""

    published: Published
    query: Query
    task: TaskSpec
    capability: Capability
    request: IssueCredential
    needs: NeedsApproval
    redeeming: Approval | None = None

    @property
    def parties(self) -> Parties:
        """Who has a part in it."""
        return Parties.of(self.query.task)


class Questions:
    """Asks people. ``told`` is called with a task in whose bucket there are news."""

    def __init__(
        self,
        ledger: Ledger,
        judgement: Judgement,
        *,
        clock: Clock,
        limits: Limits,
        faults: FaultPoints,
        told: Callable[[TaskId], None],
    ) -> None:
        self._approvals = ledger.approvals
        self._leases = ledger.leases
        self._quotas = ledger.quotas
        self._ids = ledger.ids
        self._judgement = judgement
        self._clock = clock
        self._told = told
        self._limits = limits
        self._faults = faults

    async def mine(self, caller: Principal, approval: ApprovalId) -> Approval:
        """Return what the very instance that asks here has asked for.

        Raises:
            NotFoundError: to everybody else.
        """
        found = await self._approvals.find(approval)
        if not is_asker(caller, found.wanted):
            raise NotFoundError("no such approval")
        return found

    async def settle(self, case: Case, draft: NewLease) -> NewLease | Approval:
        """Return what may be granted, or what is waited for.

        Raises:
            AccessDeniedError: somebody said no, or not enough people could say yes.
            ApprovalUsedError, SupersededError: what is redeemed gives nothing any more.
            QuotaExceededError: the agent, or its task, has as many open questions as it may.
            StaleFactsError: decide again.
        """
        if draft.key and await self._leases.is_known(draft.spec.id, draft.key):
            return replace(draft, use=_NOBODY)
        wanted = _wanted(case, draft)
        standing = case.redeeming or await self._approvals.standing(wanted)
        if standing is not None:
            found = await self._standing(case, wanted, standing, draft)
            if found is not None:
                return found
        return await self._ask(case, wanted)

    async def _standing(
        self, case: Case, wanted: Wanted, standing: Approval, draft: NewLease
    ) -> NewLease | Approval | None:
        """Judge what was asked before; None: it is to be asked anew."""
        if standing.digest != digest_of(wanted):
            await self._gone(case, standing, "policy-changed", _differing(standing, wanted))
            return None
        match standing.state:
            case ApprovalState.PENDING:
                return standing
            case ApprovalState.APPROVED:
                return await self._agreed(case, standing, draft)
            case ApprovalState.DENIED:
                raise await self._refused(case, "approval-denied", "nobody who says no to it")
            case _ if case.redeeming is not None:
                raise ApprovalUsedError(f"it is {standing.state}: ask anew")
            case _:
                return None

    async def _agreed(self, case: Case, standing: Approval, draft: NewLease) -> NewLease | None:
        facts, now_ms = case.published.facts, self._clock.now_ms()
        voices = standing.agreeing()
        if unmet(facts, voices, case.needs.requirements, case.parties, now_ms):
            why = "somebody who agreed to it may not any more"
            await self._gone(case, standing, "approver-gone", why)
            return None
        people = tuple(sorted(voices))
        return replace(
            draft,
            spec=replace(draft.spec, approved=Approved(standing.id, people), renewable=False),
            use=Use(standing.id, standing.digest, standing.version),
            until_ms=earlier(draft.until_ms, until_ms(facts, people, case.parties, now_ms)),
        )

    async def _gone(self, case: Case, standing: Approval, word: str, why: str) -> None:
        """End what nothing can come of any more; whoever redeems it is told why.

        Raises:
            SupersededError: it was named.
        """
        if standing.state.is_open:
            await self._approvals.supersede(standing.id, word)
            self._told(case.task.id)
            await self.free(standing)
        if case.redeeming is not None:
            raise SupersededError(f"{why}: ask anew")

    async def _ask(self, case: Case, wanted: Wanted) -> Approval:
        published, now_ms = case.published, self._clock.now_ms()
        asked = case.needs.requirements
        people = who_may(published.facts, asked, case.parties, now_ms, limit=_ENOUGH)
        lacking = unmet(published.facts, people, asked, case.parties, now_ms)
        if lacking:
            missing = f"people who may agree: {lacking[0].in_brief()}"
            raise await self._refused(case, "needs-approval", missing)
        new = Asking(
            id=self._ids.approval(case.task.id),
            wanted=wanted,
            path=case.task.path,
            facts=published.revision,
            graph=published.graph,
            more={
                "who": people[:_TOLD],
                "requirements": [each.in_brief() for each in asked],
                "scopes": wanted.scopes,
                "ttl_ms": wanted.ttl_ms,
                "audience": wanted.audience,
            },
        )
        await self._take_place(wanted, new.id)
        try:
            approval, is_new = await self._approvals.ask(new, self._limits.bounds)
        except BaseException:
            await self._free(wanted, new.id)
            raise
        self._faults.reach("issue.asked")
        self._told(case.task.id)
        if not is_new:
            await self._free(wanted, new.id)
        return await self._approvals.find(approval)

    async def _take_place(self, wanted: Wanted, approval: ApprovalId) -> None:
        """Count it among what its agent has open; a crash counts too many, for as long as it waits.

        Raises:
            QuotaExceededError: it is one too many.
        """
        quota = Quota(QUESTIONS, wanted.agent, self._limits.of_agent)
        life_ms = self._limits.bounds.pending_ms
        taking = self._quotas.begin([quota], LeaseId(approval), life_ms)
        if await taking.refused_by() is not None:
            raise QuotaExceededError(QUESTIONS, retry_after_ms=60_000)

    async def free(self, approval: Approval) -> None:
        """Count what has been answered, used or ended no more."""
        await self._free(approval.wanted, approval.id)

    async def _free(self, wanted: Wanted, approval: ApprovalId) -> None:
        try:
            await self._quotas.give([Quota(QUESTIONS, wanted.agent, 0)], [LeaseId(approval)])
        except StoreUnavailableError:
            return  # it counts until it would have expired

    async def _refused(self, case: Case, reason: str, missing: str) -> AccessDeniedError:
        return await self._judgement.refuse(case.published, case.query, reason, missing)


def is_asker(caller: Principal, wanted: Wanted) -> bool:
    """Tell whether a caller is the very instance that has asked, on evidence of the same issuer."""
    asked = (wanted.agent, wanted.instance, wanted.issuer, wanted.subject)
    mine = (caller.name, caller.instance, caller.issuer, caller.subject)
    return caller.kind is Kind.AGENT and asked == mine and caller.answers_for(wanted.tenant)


def request_of(wanted: Wanted) -> IssueCredential:
    """Return what was asked, to be asked again as it was."""
    return IssueCredential(
        capability=wanted.capability,
        scopes=frozenset(wanted.asked_scopes),
        ttl_ms=wanted.asked_ttl_ms,
        labels=wanted.labels,
        tool=wanted.tool,
    )


def _wanted(case: Case, draft: NewLease) -> Wanted:
    caller, task, capability = case.query.principal, case.task, case.capability
    trace = case.needs.trace
    return Wanted(
        tenant=task.tenant,
        agent=task.agent,
        instance=caller.instance,
        issuer=caller.issuer,
        subject=caller.subject,
        task=task.id,
        task_name=task.name,
        above=task.actors[:-1],
        opener=task.opener,
        on_behalf_of=task.on_behalf_of,
        tickets=task.tickets,
        resources=task.resources,
        capability=capability.name,
        backend=capability.backend,
        audience=capability.audience,
        target=capability.target,
        about=capability.about,
        data_class=capability.data_class,
        template=template_of(capability),
        asked_scopes=tuple(sorted(case.request.scopes)),
        asked_ttl_ms=case.request.ttl_ms,
        scopes=draft.spec.scopes,
        ttl_ms=draft.ttl_ms,
        labels=dict(case.request.labels),
        tool=case.request.tool,
        key=draft.spec.confirmation,
        policy_version=trace.policy_version,
        engine_version=case.published.decider.version,
        policies=trace.policies,
        requirements=case.needs.requirements,
        good_ms=case.needs.good_ms,
    )


def _differing(standing: Approval, wanted: Wanted) -> str:
    """Name what is not what people were asked about: members, never what stands in them."""
    names = [
        name
        for name in Wanted.__struct_fields__
        if getattr(standing.wanted, name) != getattr(wanted, name)
    ]
    return f"it is not what people were asked about any more ({', '.join(names)})"
