"""The path of a request for a credential: the steps, in this order, in one place.

    task ─ own it? ─ within its ceiling? ─ decide ─ attenuate, bind to a key
         ─ where policy says so: people agree (``asking``), evidence is used up
         ─ grant (ledger and quotas) ─ sign, or mint or renew at its target

- What reaches a client is in the ledger first (I1): the token is signed from what the ledger's
  script answered, and from nothing else.
- A repeat under the same idempotency key signs the same claims by the same key (I10).
"""

from collections.abc import Callable

from msgspec.structs import replace

from broker.asking import Case, Questions, request_of
from broker.binding import is_held, is_met, key_for, latest_end_ms
from broker.errors import AccessDeniedError, InvalidRequestError, NotFoundError
from broker.faultpoints import FaultPoints
from broker.governance.published import Published
from broker.granting import Granting
from broker.idempotency import Repeatable, repeatable
from broker.ids import ApprovalId, IdFactory, LeaseId, TaskId
from broker.issue_checks import IssueChecks
from broker.judgement import Judgement
from broker.minting import Minting
from broker.model.approval import Approval
from broker.model.capability import Capability
from broker.model.decision import NeedsApproval, Permit, Trace
from broker.model.lease import Lease, LeaseSpec, LeaseState
from broker.model.principal import Principal
from broker.model.requests import IssueCredential, IssuedCredential
from broker.model.task import TaskSpec
from broker.policy.query import Query
from broker.prolonging import Prolonging
from broker.questions import about_issue, about_renewal, asked_of
from broker.renewability import capability_of, renewable
from broker.single_use import SingleUse
from broker.store import codec
from broker.store.evidence_ledger import Use
from broker.store.lease_ledger import LeaseLedger
from broker.store.new_lease import NewLease, Renewal
from broker.store.task_tree import TaskTree
from broker.target_minting import TargetMinting


class Issuance:
    """Issues and renews. ``told`` is called with the bucket whose outbox has news."""

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        tree: TaskTree,
        leases: LeaseLedger,
        granting: Granting,
        judgement: Judgement,
        minting: Minting,
        at_targets: TargetMinting,
        prolonging: Prolonging,
        single_use: SingleUse,
        questions: Questions,
        ids: IdFactory,
        faults: FaultPoints,
        told: Callable[[LeaseId], None],
    ) -> None:
        self._tree = tree
        self._leases = leases
        self._granting = granting
        self._judgement = judgement
        self._checks = IssueChecks(judgement)
        self._questions = questions
        self._minting = minting
        self._at_targets = at_targets
        self._prolonging = prolonging
        self._single_use = single_use
        self._ids = ids
        self._faults = faults
        self._told = told

    async def issue(
        self, caller: Principal, task: TaskId, request: IssueCredential, idempotency_key: str
    ) -> IssuedCredential | Approval:
        """Issue a credential within a task, or say what has to be agreed to first.

        Raises:
            NotFoundError: no such task, or another instance's.
            InvalidRequestError: no such capability in this tenant.
            AccessDeniedError: beyond the ceiling, or policy refuses.
            BindingRequiredError: policy wants it bound to a key, and none is proven.
            EvidenceUsedError: policy wants evidence that was not used before.
            TaskClosedError: the task or an ancestor has ended, or an operator has cut it off.
            QuotaExceededError: of the task, an agent of its path's ends, or the tenant.
            UnavailableError: revoke-only at the moment.
        """
        same = repeatable(caller, f"issue {task}", idempotency_key, _asked(caller, request))
        return await self._on_fresh_facts(caller, task, request, same)

    async def redeem(
        self, caller: Principal, approval: ApprovalId, idempotency_key: str
    ) -> IssuedCredential | Approval:
        """Issue what people have agreed to; without a key all calls are one request.

        Everything is decided once more: their yes is one condition of many.

        Raises:
            NotFoundError: no such approval, or another instance's.
            SupersededError: what would be given now is not what people were asked about.
            ApprovalUsedError: it has been used, or is over; and as :meth:`issue`.
        """
        found = await self._questions.mine(caller, approval)
        request, key = request_of(found.wanted), idempotency_key or "redeemed"
        same = repeatable(caller, f"redeem {approval}", key, _asked(caller, request))
        return await self._on_fresh_facts(caller, found.wanted.task, request, same, approval)

    async def _on_fresh_facts(
        self,
        caller: Principal,
        task: TaskId,
        request: IssueCredential,
        same: Repeatable,
        approval: ApprovalId | None = None,
    ) -> IssuedCredential | Approval:
        use = self._single_use.begin(same)

        async def attempt(published: Published, known: Principal) -> IssuedCredential | Approval:
            found = await self._tree.bound(task)
            if found is None:
                raise NotFoundError("no such task")
            spec, instance = found
            await self._judgement.knocks.require_owner(known, spec, instance)
            redeeming = await self._questions.mine(known, approval) if approval else None
            return await self._issue(
                known, spec, request, same, published, use=use, redeeming=redeeming
            )

        return await self._judgement.on_fresh_facts(caller, attempt)

    async def _issue(
        self,
        caller: Principal,
        spec: TaskSpec,
        request: IssueCredential,
        same: Repeatable,
        published: Published,
        *,
        use: Use,
        redeeming: Approval | None,
    ) -> IssuedCredential | Approval:
        capability, query, answer = await self._put(caller, spec, request, published)
        scopes = await self._checks.left(published, query, answer.obligations)
        # Only tokens of ours can be bound to a key.
        key = None if capability.target else key_for(caller, answer.obligations)
        await self._checks.binding(published, query, is_met(key, answer.obligations))
        most = published.longest_ms(capability, answer.obligations.max_ttl_ms)
        signer = self._minting.signer()
        granted = self._spec(
            caller, spec, capability, scopes=scopes, key_id=signer.key_id, trace=answer.trace
        )
        new = NewLease(
            spec=replace(granted, confirmation=key, tool=request.tool),
            state=LeaseState.ACTIVE,
            ttl_ms=min(query.ttl_ms, most),
            max_ttl_ms=most,
            evidence_exp_ms=latest_end_ms(caller, key),
            facts=published.revision,
            key=same.key,
            digest=same.digest,
            manifest=signer.manifest,
            graph=published.graph,
            asked=codec.encode(asked_of(query)),
            until_ms=answer.trace.until_ms,
        )
        if isinstance(answer, NeedsApproval):
            case = Case(published, query, spec, capability, request, answer, redeeming)
            settled = await self._questions.settle(case, new)
            if isinstance(settled, Approval):
                return settled
            new = settled
        await self._single_use.spend(published, query, answer.obligations, use)
        self._faults.reach("issue.spent")
        return await self._delivered(new, capability, published, query)

    async def _put(
        self, caller: Principal, spec: TaskSpec, request: IssueCredential, published: Published
    ) -> tuple[Capability, Query, Permit | NeedsApproval]:
        capability = capability_of(published, request.capability, spec.tenant)
        if capability is None:
            raise InvalidRequestError("no such capability in this tenant", field="capability")
        query = about_issue(caller, spec, capability, request)
        await self._checks.ceiling(published, query, spec, capability)
        await self._checks.scopes(published, query, capability)
        answer = await self._judgement.weigh(published, query)
        self._faults.reach("issue.decided")
        return capability, query, answer

    async def _delivered(
        self, new: NewLease, capability: Capability, published: Published, query: Query
    ) -> IssuedCredential:
        try:
            if capability.target:
                return await self._minted(new, capability, published)
            return await self._granted(new, capability, published)
        except AccessDeniedError as error:
            raise await self._judgement.refuse(
                published, query, error.reason, "a whole second of life, of task and evidence"
            ) from None

    async def _minted(
        self, new: NewLease, capability: Capability, published: Published
    ) -> IssuedCredential:
        try:
            return await self._at_targets.issue(new, capability, published.quotas)
        finally:
            self._told(new.spec.id)

    async def _granted(
        self, new: NewLease, capability: Capability, published: Published
    ) -> IssuedCredential:
        lease = await self._granting.grant(new, published.quotas)
        self._faults.reach("issue.granted")
        self._told(lease.spec.id)
        issued = self._minting.issued(lease, capability)
        self._faults.reach("issue.signed")
        return issued

    def _spec(
        self,
        caller: Principal,
        task: TaskSpec,
        capability: Capability,
        *,
        scopes: frozenset[str],
        key_id: str,
        trace: Trace,
    ) -> LeaseSpec:
        return LeaseSpec(
            id=(lease := self._ids.lease(task.id)),
            task=task.id,
            path=task.path,
            actors=task.actors,
            agent=task.agent,
            instance=caller.instance,
            tenant=task.tenant,
            on_behalf_of=task.on_behalf_of,
            delegated_by=task.delegated_by,
            capability=capability.name,
            backend=capability.backend,
            audience=capability.audience,
            scopes=tuple(sorted(scopes)),
            evidence_issuer=caller.issuer,
            locator=lease,
            key_id="" if capability.target else key_id,
            trace=trace,
            renewable=capability.renewable,
            origin=caller.origin,
        )

    async def renew(
        self, caller: Principal, lease: LeaseId, ttl_ms: int, idempotency_key: str
    ) -> IssuedCredential:
        """Prolong a credential: by a new token, or in its place at its target.

        The full check again, on the same identity, and never beyond the first maximum.

        Raises:
            NotFoundError: no such credential, or another instance's.
            LeaseNotRenewableError: its kind or capability forbids it, or it would not live longer.
            IssuanceError: its target did not prolong it, or nobody knows.
            BindingRequiredError: it is bound to a key that this request does not prove.
            AccessDeniedError, EvidenceUsedError, TaskClosedError, UnavailableError: as for
                :meth:`issue`.
        """
        same = repeatable(caller, f"renew {lease}", idempotency_key, _asked(caller, ttl_ms))
        use = self._single_use.begin(same)

        async def attempt(published: Published, known: Principal) -> IssuedCredential:
            held = await self._leases.view(lease)
            await self._judgement.knocks.require_holder(known, held.spec)
            return await self._renew(known, held, ttl_ms, same, published, use=use)

        return await self._judgement.on_fresh_facts(caller, attempt)

    async def _renew(
        self,
        caller: Principal,
        held: Lease,
        ttl_ms: int,
        same: Repeatable,
        published: Published,
        *,
        use: Use,
    ) -> IssuedCredential:
        spec = await self._tree.spec(held.spec.task)
        if spec is None:
            raise NotFoundError("no such credential")
        capability = renewable(published, held)
        if held.spec.target is not None:
            self._prolonging.require_renewable(held, capability)
        query = about_renewal(caller, spec, capability, held.spec, ttl_ms)
        await self._checks.scopes(published, query, capability)
        permit = await self._judgement.permit(published, query)
        await self._checks.narrowing(published, query, permit.obligations)
        key = held.spec.confirmation
        is_good = is_met(key, permit.obligations) and is_held(caller, key)
        await self._checks.binding(published, query, is_good)
        self._faults.reach("renew.decided")
        await self._single_use.spend(published, query, permit.obligations, use)
        signer = self._minting.signer()
        most = published.longest_ms(capability, permit.obligations.max_ttl_ms)
        renewal = Renewal(
            ttl_ms=min(query.ttl_ms, most),
            evidence_exp_ms=latest_end_ms(caller, key),
            facts=published.revision,
            key=same.key,
            digest=same.digest,
            key_id=signer.key_id,
            manifest=signer.manifest,
            graph=published.graph,
            asked=codec.encode(asked_of(query)),
            until_ms=permit.trace.until_ms,
        )
        return await self._renewed(held, renewal, capability, published)

    async def _renewed(
        self, held: Lease, renewal: Renewal, capability: Capability, published: Published
    ) -> IssuedCredential:
        if held.spec.target is not None:
            return await self._prolonged(held, renewal, capability, published)
        lease = await self._granting.renew(held, renewal, published.quotas)
        self._faults.reach("renew.granted")
        self._told(held.spec.id)
        issued = self._minting.issued(lease, capability)
        self._faults.reach("renew.signed")
        return issued

    async def _prolonged(
        self, held: Lease, renewal: Renewal, capability: Capability, published: Published
    ) -> IssuedCredential:
        try:
            return await self._prolonging.renew(held, renewal, capability, published.quotas)
        finally:
            self._told(held.spec.id)


def _asked(caller: Principal, request: object) -> object:
    """Return what an idempotency key stands for: with a proof also the key that is asked for."""
    return request if caller.proven.dpop is None else (request, caller.proven.dpop)
