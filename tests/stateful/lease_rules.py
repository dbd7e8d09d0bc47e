"""Rules about credentials: issue, reserve and activate, renew, give back."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.errors import (
    AccessDeniedError,
    BrokerError,
    IdempotencyConflictError,
    LeaseEndedError,
    LeaseNotRenewableError,
    NotFoundError,
    QuotaExceededError,
    TaskClosedError,
)
from broker.model.lease import Lease
from broker.model.principal import Principal
from broker.model.requests import IssueCredential, IssuedCredential
from tests.fakes.faulty_link import Fault
from tests.fakes.replace import replace
from tests.stateful.base import FAULTS, ISSUER, MOSTLY, PICKS, SHORT, Stage
from tests.stateful.model import ModelLease, ModelTask
from tests.stateful.people import CAPABILITIES, FAR, MINUTE, QUOTAS, SCOPES, SECOND, agent
from tests.stateful.world import LIMITS

CAPABILITY = st.sampled_from(sorted(CAPABILITIES))
ASKED = st.sampled_from([frozenset({"read"}), SCOPES])
EVIDENCE = st.sampled_from([20 * SECOND, 1_700, 1_000, 999])
"""How soon the caller's own token ends."""

RENEWALS = st.sampled_from([4 * MINUTE, 9 * MINUTE, 4 * MINUTE, 200 * SECOND, 1_500])
REQUESTS = st.builds(IssueCredential, CAPABILITY, ASKED, SHORT)

has_leases = precondition(lambda self: self.model.leases)
has_tasks = precondition(lambda self: self.model.tasks)


@dataclass(frozen=True)
class Asked:
    """A request that can be made again, and what it brought."""

    caller: Principal
    task: ModelTask
    request: IssueCredential
    key: str
    lease: ModelLease
    token: str
    expires: int


class LeaseRules(Stage):
    """What agents do with credentials."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []

    @has_tasks
    @rule(pick=PICKS, is_own=MOSTLY, issuer=ISSUER, request=REQUESTS, fault=FAULTS)
    def issue(
        self,
        pick: int,
        is_own: bool,  # noqa: FBT001 - hypothesis passes arguments by name
        issuer: str,
        request: IssueCredential,
        fault: Fault | None,
    ) -> None:
        """An agent asks for a credential, and again when the answer is lost."""
        task = self.a_task(pick)
        instance = task.instance if is_own and task.instance else "pod-9"
        self.ask(task, agent(task.agent, instance, issuer), request, fault)

    @has_tasks
    @rule(pick=PICKS, issuer=ISSUER, request=REQUESTS, evidence=EVIDENCE, fault=FAULTS)
    def issue_on_short_evidence(
        self, pick: int, issuer: str, request: IssueCredential, evidence: int, fault: Fault | None
    ) -> None:
        """Its own token ends soon; and when the answer is lost the agent vanishes."""
        task = self.a_task(pick)
        ends = self.now(task.id) + evidence
        caller = agent(task.agent, task.instance or "pod-9", issuer, ends)
        self.ask(task, caller, request, fault, is_patient=False)

    def ask(
        self,
        task: ModelTask,
        caller: Principal,
        request: IssueCredential,
        fault: Fault | None = None,
        *,
        is_patient: bool = True,
    ) -> None:
        """Issue, and hold what comes of it against the model."""
        key = self.fresh_key()

        async def call() -> IssuedCredential:
            return await self.world.verbs.issuance.issue(caller, task.id, request, key)

        orphans: list[ModelLease] = []
        if fault is not None:
            self.lose(call, fault)
            orphans = self.adopt(task, caller, request)
            if not is_patient:
                return
        refusals = self.issue_refusals(caller, task, request)
        if QuotaExceededError in refusals and any(lease.ended_by for lease in orphans):
            refusals.add(LeaseEndedError)  # undone, but its key could not be forgotten
        issued = self.act(call, refusals, is_sure=all(lease.ended_by for lease in orphans))
        taken_in = self.adopt(task, caller, request)
        self._follow_undoing(orphans)
        if issued is None:
            assert all(lease.ended_by for lease in taken_in), "refused, and granted all the same"
            return
        [lease] = [one for one in (*orphans, *taken_in) if one.id == issued.lease.spec.id]
        lease.is_delivered = True
        token = issued.credential.reveal()
        self.asked.append(Asked(caller, task, request, key, lease, token, lease.expires))

    def _follow_undoing(self, orphans: list[ModelLease]) -> None:
        """What nobody got may be undone when it is asked for again, and a quota refuses."""
        for lease in orphans:
            seen = self.run(self.world.ledger.leases.view(lease.id))
            lease.ended_by = lease.ended_by or ("undone" if seen.ended_by == "undone" else "")

    def adopt(
        self, task: ModelTask, caller: Principal, request: IssueCredential
    ) -> list[ModelLease]:
        """Take in the leases that the ledger has by now, and hold their dates against the model."""
        if task.is_forgotten:
            return []
        ledger, known = self.world.ledger, {lease.id for lease in task.leases}
        names = self.run(self.world.members(ledger.keys.of(task.id).leases(task.id)))
        seen = [self.run(ledger.leases.view(name)) for name in sorted(names - known)]
        return [self._take_in(task, caller, request, lease) for lease in seen]

    def _take_in(
        self, task: ModelTask, caller: Principal, request: IssueCredential, seen: Lease
    ) -> ModelLease:
        now, most = self.now(task.id), CAPABILITIES[request.capability].max_ttl_ms
        dates = self.model.dates(task, request.ttl_ms, most, caller.expires_at_ms)
        assert seen.issued_at_ms == now
        assert (seen.expires_at_ms, seen.max_expires_at_ms) == dates
        assert seen.ended_by in ("", "undone")
        lease = ModelLease(
            id=seen.spec.id,
            task=task,
            capability=request.capability,
            issuer=caller.issuer,
            instance=caller.instance,
            issued=now,
            expires=seen.expires_at_ms,
            most=seen.max_expires_at_ms,
            ended_by=seen.ended_by,
            newest=now,
        )
        task.leases.append(lease)
        self.model.leases.append(lease)
        self.model.seen(task)
        return lease

    def issue_refusals(
        self, caller: Principal, task: ModelTask, request: IssueCredential
    ) -> set[type[BrokerError]]:
        if task.is_forgotten or caller.instance != task.instance:
            return {NotFoundError}
        if not request.scopes <= task.ceiling.get(request.capability, frozenset()):
            return {AccessDeniedError}
        refusals = self.full_outbox(task.bucket)
        now = self.now(task.id)
        if self.model.why_dead(task):
            return refusals | self.shut(task)
        if self._is_cut_now(task, caller.issuer, request.capability):
            return refusals | {TaskClosedError}
        most = CAPABILITIES[request.capability].max_ttl_ms
        expires, _ = self.model.dates(task, request.ttl_ms, most, caller.expires_at_ms)
        if expires - now < SECOND:
            refusals.add(AccessDeniedError)
        alive = [lease for lease in task.leases if not lease.ended_by and lease.expires > now]
        if len(alive) >= LIMITS.task_leases or self._is_quota_full(task):
            refusals.add(QuotaExceededError)
        return refusals

    def _is_quota_full(self, task: ModelTask) -> bool:
        agents = {task.agent, task.root.agent}
        return any(len(self.places("agent", name)) >= QUOTAS["agent"] for name in agents) or (
            len(self.places("tenant", task.tenant)) >= QUOTAS["tenant"]
        )

    def _is_cut_now(self, task: ModelTask, issuer: str, capability: str) -> bool:
        now = self.now(task.id)
        if any(now <= node.cut for node in task.path):
            return True  # thawed in the very instant of a freeze
        return self.model.is_cut(now, task.bucket, task.tenant, task.agent, issuer, capability)

    @precondition(lambda self: self.asked)
    @rule(pick=PICKS, is_same=MOSTLY, fault=FAULTS)
    def ask_again(self, pick: int, is_same: bool, fault: Fault | None) -> None:  # noqa: FBT001
        """The same request brings the same token, or none; another under its key is a conflict."""
        asked = self.asked[-1 - pick % len(self.asked)]
        request = asked.request if is_same else replace(asked.request, ttl_ms=7 * SECOND)
        refusals: set[type[BrokerError]] = set()
        if asked.task.is_forgotten:
            refusals = {NotFoundError}
        elif not is_same:
            refusals = {IdempotencyConflictError}
        elif not self.model.is_alive(asked.lease) or asked.expires <= self.now(asked.lease.id):
            refusals = {LeaseEndedError}
        again = self.act(
            lambda: self.world.verbs.issuance.issue(
                asked.caller, asked.task.id, request, asked.key
            ),
            refusals,
            fault,
        )
        if again is not None:
            assert again.credential.reveal() == asked.token

    @has_leases
    @rule(pick=PICKS, is_holder=MOSTLY, ttl=RENEWALS, is_fresh=MOSTLY, fault=FAULTS)
    def renew(
        self,
        pick: int,
        is_holder: bool,  # noqa: FBT001
        ttl: int,
        is_fresh: bool,  # noqa: FBT001
        fault: Fault | None,
    ) -> None:
        """The holder, or somebody else, prolongs a credential, twice under one key."""
        lease = self.a_lease(pick)
        ends = FAR if is_fresh else self.now(lease.id) + 90 * SECOND
        caller = holder_of(lease, ends) if is_holder else self._stranger(lease)
        key = self.fresh_key()

        async def call() -> IssuedCredential:
            return await self.world.verbs.issuance.renew(caller, lease.id, ttl, key)

        expires = self._renewed_until(lease, ttl, ends)
        refusals = self._renewal_refusals(lease, expires, is_holder=is_holder)
        if not lease.is_delivered:
            refusals.add(QuotaExceededError)  # perhaps it was never counted
        renewed = self.act(call, refusals, fault, is_sure=lease.is_delivered)
        if renewed is None:
            return
        lease.is_delivered = True
        lease.expires, lease.generation = expires, lease.generation + 1
        lease.newest = self.now(lease.id)
        self.model.seen(lease.task)
        again = self.act(call, set())
        assert again is not None
        assert again.credential.reveal() == renewed.credential.reveal()

    def _renewed_until(self, lease: ModelLease, ttl: int, evidence: int) -> int:
        most = CAPABILITIES[lease.capability].max_ttl_ms
        until, _ = self.model.dates(lease.task, ttl, most, evidence)
        return min(until, lease.most)

    def _renewal_refusals(
        self, lease: ModelLease, expires: int, *, is_holder: bool
    ) -> set[type[BrokerError]]:
        task = lease.task
        if task.is_forgotten or not is_holder:
            return {NotFoundError}
        refusals = self.full_outbox(task.bucket)
        is_cut_now = self._is_cut_now(task, lease.issuer, lease.capability)
        is_over = lease.ended_by or lease.expires <= self.now(lease.id)
        if is_over:
            return {LeaseEndedError}
        if not self.model.is_alive(lease) or is_cut_now:
            refusals |= {TaskClosedError, *self.shut(task)}
        if expires <= lease.expires or lease.is_reserved:
            refusals.add(LeaseNotRenewableError)
        return refusals

    def _stranger(self, lease: ModelLease) -> Principal:
        return agent(lease.task.agent, "pod-9", lease.issuer)

    @has_leases
    @rule(pick=PICKS, is_holder=MOSTLY, fault=FAULTS)
    def give_back(self, pick: int, is_holder: bool, fault: Fault | None) -> None:  # noqa: FBT001
        """The holder, or somebody else, ends a credential."""
        lease = self.a_lease(pick)
        caller = holder_of(lease) if is_holder else self._stranger(lease)
        refusals: set[type[BrokerError]] = set()
        if not is_holder:
            refusals.add(NotFoundError)
        if self.act(
            lambda: self.world.verbs.credentials.give_back(caller, lease.id), refusals, fault
        ):
            self.end(lease, "given-back")

    def end(self, lease: ModelLease, why: str) -> None:
        """End a lease in the model, unless it died of age before."""
        is_expired = lease.expires <= self.now(lease.id)
        lease.ended_by = lease.ended_by or ("expired" if is_expired else why)


def holder_of(lease: ModelLease, expires_at_ms: int = FAR) -> Principal:
    """Return the instance that a credential was issued to."""
    return agent(lease.task.agent, lease.instance, lease.issuer, expires_at_ms)
