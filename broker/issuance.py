"""The path of a request for a credential: the steps, in this order, in one place.

    task ─ own it? ─ within its ceiling? ─ decide ─ attenuate ─ grant (ledger and quotas) ─ sign

- What reaches a client is in the ledger first (I1): the token is signed from what the ledger's
  script answered, and from nothing else.
- A repeat under the same idempotency key signs the same claims by the same key (I10).
- Quotas are taken beside the ledger; whichever refuses undoes the other.
"""

import asyncio
from collections.abc import Callable, Sequence

from broker.clock import Clock
from broker.errors import (
    BrokerError,
    InvalidRequestError,
    LeaseEndedError,
    LeaseNotRenewableError,
    NotFoundError,
    QuotaExceededError,
)
from broker.faultpoints import FaultPoints
from broker.governance.published import Published
from broker.idempotency import Repeatable, repeatable
from broker.ids import IdFactory, LeaseId, TaskId
from broker.judgement import Judgement
from broker.minting import Minting
from broker.model.capability import Capability, CheckMode, covers
from broker.model.decision import Trace
from broker.model.lease import Lease, LeaseSpec, LeaseState
from broker.model.principal import Principal
from broker.model.requests import IssueCredential, IssuedCredential
from broker.model.task import TaskSpec
from broker.ownership import require_holder, require_owner
from broker.questions import about_issue, about_renewal
from broker.store.lease_ledger import Granted, LeaseLedger, NewLease, Renewal
from broker.store.quotas import Quota, QuotaLedger
from broker.store.task_tree import TaskTree

OFFLINE_TTL_MS = 5 * 60 * 1000
"""A token that nobody can take back lives this long at most (DESIGN §5)."""


class Issuance:
    """Issues and renews. ``told`` is called with the bucket whose outbox has news."""

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        tree: TaskTree,
        leases: LeaseLedger,
        quotas: QuotaLedger,
        judgement: Judgement,
        minting: Minting,
        ids: IdFactory,
        clock: Clock,
        faults: FaultPoints,
        told: Callable[[LeaseId], None],
    ) -> None:
        self._tree = tree
        self._leases = leases
        self._quotas = quotas
        self._judgement = judgement
        self._minting = minting
        self._ids = ids
        self._clock = clock
        self._faults = faults
        self._told = told

    async def issue(
        self, caller: Principal, task: TaskId, request: IssueCredential, idempotency_key: str
    ) -> IssuedCredential:
        """Issue a credential within a task.

        Raises:
            NotFoundError: no such task, or another instance's.
            InvalidRequestError: no such capability in this tenant.
            AccessDeniedError: beyond the ceiling, or policy refuses.
            TaskClosedError: the task or an ancestor has ended, or an operator has cut it off.
            QuotaExceededError: of the task, an agent of its path's ends, or the tenant.
            UnavailableError: revoke-only at the moment.
        """
        same = repeatable(caller, f"issue {task}", idempotency_key, request)

        async def attempt(published: Published) -> IssuedCredential:
            found = await self._tree.bound(task)
            if found is None:
                raise NotFoundError("no such task")
            spec, instance = found
            require_owner(caller, spec, instance)
            return await self._issue(caller, spec, request, same, published)

        return await self._judgement.on_fresh_facts(attempt)

    async def _issue(
        self,
        caller: Principal,
        spec: TaskSpec,
        request: IssueCredential,
        same: Repeatable,
        published: Published,
    ) -> IssuedCredential:
        capability = _capability(published, request.capability, spec.tenant)
        query = about_issue(caller, spec, capability, request)
        if not request.scopes or not covers(spec.ceiling, capability.name, request.scopes):
            raise await self._judgement.refuse(
                published, query, "beyond-ceiling", "the task's ceiling covers these scopes"
            )
        permit = await self._judgement.permit(published, query)
        self._faults.reach("issue.decided")
        narrowed = permit.obligations.scopes
        scopes = request.scopes if narrowed is None else request.scopes & narrowed
        if not scopes:
            raise await self._judgement.refuse(
                published, query, "nothing-left", "a scope that the obligations leave"
            )
        most = _longest(published, capability, permit.obligations.max_ttl_ms)
        new = NewLease(
            spec=self._spec(caller, spec, capability, scopes, permit.trace),
            state=LeaseState.ACTIVE,
            ttl_ms=min(query.ttl_ms, most),
            max_ttl_ms=most,
            evidence_exp_ms=caller.expires_at_ms,
            facts=published.revision,
            key=same.key,
            digest=same.digest,
        )
        granted = await self._grant(new, _quotas(published, spec))
        self._faults.reach("issue.granted")
        issued = await self._deliver(new.spec, granted)
        self._faults.reach("issue.signed")
        return issued

    def _spec(
        self,
        caller: Principal,
        task: TaskSpec,
        capability: Capability,
        scopes: frozenset[str],
        trace: Trace,
    ) -> LeaseSpec:
        lease = self._ids.lease(task.id)
        return LeaseSpec(
            id=lease,
            task=task.id,
            path=task.path,
            actors=task.actors,
            agent=task.agent,
            instance=caller.instance,
            tenant=task.tenant,
            on_behalf_of=task.on_behalf_of,
            capability=capability.name,
            backend=capability.backend,
            audience=capability.audience,
            scopes=tuple(sorted(scopes)),
            evidence_issuer=caller.issuer,
            locator=lease,
            key_id=self._minting.active_key_id(),
            trace=trace,
        )

    async def _grant(self, new: NewLease, quotas: Sequence[Quota]) -> Granted:
        lease = new.spec.id
        latest = self._clock.now_ms() + new.ttl_ms
        granted, full = await asyncio.gather(
            self._leases.grant(new),
            self._quotas.take(quotas, lease, latest),
            return_exceptions=True,
        )
        if isinstance(granted, Granted) and not granted.is_new:
            # The repeat of an earlier request holds its own place already.
            await self._quotas.give(quotas, [lease])
            return granted
        if isinstance(granted, Granted) and full is None:
            self._told(lease)
            return granted
        await self._undo(new, granted, quotas)
        if isinstance(granted, BaseException):
            raise granted
        if isinstance(full, BaseException):
            raise full
        raise QuotaExceededError(full.kind if full else "unknown")

    async def _undo(self, new: NewLease, granted: object, quotas: Sequence[Quota]) -> None:
        """Take back what one side gave when the other refused.

        Nothing was signed; should this fail too, the lease dies of age unseen.
        """
        lease, task = new.spec.id, new.spec.task
        try:
            if isinstance(granted, Granted):
                await self._leases.end([(lease, task)], "undone")
            await self._quotas.give(quotas, [lease])
        except BrokerError:
            return

    async def _deliver(self, spec: LeaseSpec, granted: Granted) -> IssuedCredential:
        if granted.is_new and granted.lease == spec.id:
            lease = _fresh(spec, granted)
        else:
            lease = await self._leases.view(granted.lease)
            if not lease.is_alive:
                raise LeaseEndedError("the credential of this idempotency key has ended")
        return IssuedCredential(lease, self._minting.sign(lease.spec, granted))

    async def renew(
        self, caller: Principal, lease: LeaseId, ttl_ms: int, idempotency_key: str
    ) -> IssuedCredential:
        """Prolong a credential by a new token.

        The full check again, on the same identity, and never beyond the first maximum.

        Raises:
            NotFoundError: no such credential, or another instance's.
            LeaseNotRenewableError: its capability forbids it, or it would not live longer.
            AccessDeniedError, TaskClosedError, UnavailableError: as for :meth:`issue`.
        """
        same = repeatable(caller, f"renew {lease}", idempotency_key, ttl_ms)

        async def attempt(published: Published) -> IssuedCredential:
            held = await self._leases.view(lease)
            require_holder(caller, held.spec)
            return await self._renew(caller, held, ttl_ms, same, published)

        return await self._judgement.on_fresh_facts(attempt)

    async def _renew(
        self, caller: Principal, held: Lease, ttl_ms: int, same: Repeatable, published: Published
    ) -> IssuedCredential:
        spec = await self._tree.spec(held.spec.task)
        if spec is None:
            raise NotFoundError("no such credential")
        capability = _capability(published, held.spec.capability, spec.tenant)
        if not capability.renewable:
            raise LeaseNotRenewableError("this capability is not renewable")
        query = about_renewal(caller, spec, capability, held.spec, ttl_ms)
        permit = await self._judgement.permit(published, query)
        narrowed = permit.obligations.scopes
        if narrowed is not None and not set(held.spec.scopes) <= narrowed:
            raise await self._judgement.refuse(
                published, query, "narrower-now", "the obligations leave all of its scopes"
            )
        self._faults.reach("renew.decided")
        renewal = Renewal(
            ttl_ms=min(
                query.ttl_ms, _longest(published, capability, permit.obligations.max_ttl_ms)
            ),
            evidence_exp_ms=caller.expires_at_ms,
            facts=published.revision,
            key=same.key,
            digest=same.digest,
            key_id=self._minting.active_key_id(),
        )
        granted = await self._leases.renew(held, renewal)
        self._faults.reach("renew.granted")
        self._told(held.spec.id)
        lease = await self._leases.view(held.spec.id, held.spec.path)
        issued = IssuedCredential(lease, self._minting.sign(lease.spec, granted))
        self._faults.reach("renew.signed")
        return issued


def _capability(published: Published, name: str, tenant: str) -> Capability:
    capability = published.capabilities.get(name)
    if capability is None or tenant not in capability.tenants:
        raise InvalidRequestError("no such capability in this tenant", field="capability")
    return capability


def _longest(published: Published, capability: Capability, obliged_ms: int | None) -> int:
    """Return the longest life that the capability, its audience and the obligations allow."""
    bounds = [capability.max_ttl_ms]
    if obliged_ms is not None:
        bounds.append(obliged_ms)
    server = published.resource_servers.get(capability.audience)
    if server is None or server.check is CheckMode.OFFLINE:
        bounds.append(OFFLINE_TTL_MS)
    return min(bounds)


def _quotas(published: Published, spec: TaskSpec) -> list[Quota]:
    """Name whose places a lease takes: its agent's, the root task's agent's, and the tenant's."""
    agents = dict.fromkeys((spec.agent, spec.actors[0]))
    return [
        *(Quota("agent", name, published.quotas.of_agent(name)) for name in agents),
        Quota("tenant", spec.tenant, published.quotas.of_tenant(spec.tenant)),
    ]


def _fresh(spec: LeaseSpec, granted: Granted) -> Lease:
    return Lease(
        spec=spec,
        state=LeaseState.ACTIVE,
        is_alive=True,
        generation=granted.generation,
        issued_at_ms=granted.issued_at_ms,
        expires_at_ms=granted.expires_at_ms,
        max_expires_at_ms=granted.max_expires_at_ms,
    )
