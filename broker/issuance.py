"""The path of a request for a credential: the steps, in this order, in one place.

    task ─ own it? ─ within its ceiling? ─ decide ─ attenuate ─ grant (ledger and quotas) ─ sign

- What reaches a client is in the ledger first (I1): the token is signed from what the ledger's
  script answered, and from nothing else.
- A repeat under the same idempotency key signs the same claims by the same key (I10).
- Quotas are taken beside the ledger; whichever refuses undoes the other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from broker.errors import (
    BrokerError,
    InvalidRequestError,
    LeaseEndedError,
    LeaseNotRenewableError,
    NotFoundError,
    QuotaExceededError,
    StoreUnavailableError,
    TaskClosedError,
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
from broker.places import Places
from broker.questions import about_issue, about_renewal
from broker.store.lease_ledger import Granted, LeaseLedger, NewLease, Renewal
from broker.store.quotas import Quota
from broker.store.task_tree import TaskTree

Result = TypeVar("Result")

OFFLINE_TTL_MS = 5 * 60 * 1000
"""A token that nobody can take back lives this long at most (DESIGN §5)."""


class Issuance:
    """Issues and renews. ``told`` is called with the bucket whose outbox has news."""

    def __init__(
        self,
        *,
        tree: TaskTree,
        leases: LeaseLedger,
        places: Places,
        judgement: Judgement,
        minting: Minting,
        ids: IdFactory,
        faults: FaultPoints,
        told: Callable[[LeaseId], None],
    ) -> None:
        self._tree = tree
        self._leases = leases
        self._places = places
        self._judgement = judgement
        self._minting = minting
        self._ids = ids
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
        granted = await self._grant(new, published)
        self._faults.reach("issue.granted")
        issued = await self._deliver(new, granted, published)
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

    async def _grant(self, new: NewLease, published: Published) -> Granted:
        lease = new.spec.id
        taking = self._places.begin(lease, new.spec, published.quotas, new.ttl_ms)
        granted = await _outcome(self._leases.grant(new))
        full = await _outcome(taking.refused_by())
        if isinstance(granted, Granted) and not granted.is_new:
            # The repeat of an earlier request: that one's lease is counted, not this one.
            await self._places.free(new.spec, [lease])
            return granted
        if isinstance(granted, Granted) and full is None:
            self._told(lease)
            return granted
        if isinstance(granted, StoreUnavailableError):
            raise granted  # perhaps it stands: then it counts, until it would have expired
        await self._undo(new.spec, new.key, is_granted=isinstance(granted, Granted))
        if isinstance(granted, BrokerError):
            raise granted
        raise _refusal(full)

    async def _undo(self, spec: LeaseSpec, key: str, *, is_granted: bool) -> None:
        """Take back what one side gave when the other refused.

        Nothing was signed; should this fail too, the lease dies of age unseen.
        """
        try:
            if is_granted:
                await self._leases.undo(spec, key)
        except BrokerError:
            return
        await self._places.free(spec, [spec.id])

    async def _deliver(
        self, new: NewLease, granted: Granted, published: Published
    ) -> IssuedCredential:
        if granted.is_new:
            return self._signed(_fresh(new.spec, granted), granted)
        lease = await self._leases.view(granted.lease)
        _require_alive(lease)
        try:
            # The first request may have died before it was counted, or while a quota refused it.
            left_ms = lease.expires_at_ms - lease.judged_at_ms
            await self._count(lease.spec, left_ms, published)
        except QuotaExceededError:
            await self._undo(lease.spec, new.key, is_granted=True)
            raise
        return self._signed(lease, granted)

    async def _count(self, spec: LeaseSpec, life_ms: int, published: Published) -> None:
        """Count a lease that is alive; one that is counted already then counts for longer."""
        full = await self._places.begin(spec.id, spec, published.quotas, life_ms).refused_by()
        if full is not None:
            raise _refusal(full)

    def _signed(self, lease: Lease, granted: Granted) -> IssuedCredential:
        """Sign what was granted, which for a repeat may not be the lease's last generation."""
        shown = replace(lease, generation=granted.generation, expires_at_ms=granted.expires_at_ms)
        return IssuedCredential(shown, self._minting.sign(lease.spec, granted))

    async def renew(
        self, caller: Principal, lease: LeaseId, ttl_ms: int, idempotency_key: str
    ) -> IssuedCredential:
        """Prolong a credential by a new token.

        The full check again, on the same identity, and never beyond the first maximum.

        Raises:
            NotFoundError: no such credential, or another instance's.
            LeaseEndedError: it is dead already.
            LeaseNotRenewableError: its capability forbids it, or it would not live longer.
            AccessDeniedError, TaskClosedError, UnavailableError: as for :meth:`issue`.
        """
        same = repeatable(caller, f"renew {lease}", idempotency_key, ttl_ms)

        async def attempt(published: Published) -> IssuedCredential:
            held = await self._leases.view(lease)
            require_holder(caller, held.spec)
            _require_alive(held)
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
        # First the places, which must outlast the lease: a crash in between counts for too long.
        await self._count(held.spec, renewal.ttl_ms, published)
        granted = await self._leases.renew(held, renewal)
        self._faults.reach("renew.granted")
        self._told(held.spec.id)
        lease = await self._leases.view(held.spec.id, held.spec.path)
        _require_alive(lease)
        issued = self._signed(lease, granted)
        self._faults.reach("renew.signed")
        return issued


async def _outcome(call: Awaitable[Result]) -> Result | BrokerError:
    """Await a call whose failure must not keep another's outcome from being known."""
    try:
        return await call
    except BrokerError as error:
        return error


def _refusal(full: Quota | BrokerError | None) -> BrokerError:
    if isinstance(full, BrokerError):
        return full
    return QuotaExceededError(full.kind if full else "unknown")


def _require_alive(lease: Lease) -> None:
    """Let nothing be prolonged, counted or delivered again that has ended.

    Raises:
        LeaseEndedError: it has.
        TaskClosedError: its task has.
    """
    if lease.is_alive:
        return
    if lease.state is LeaseState.ENDED or lease.ended_by == "expired":
        raise LeaseEndedError(f"the credential has ended: {lease.ended_by}")
    raise TaskClosedError(f"not alive: {lease.ended_by}")


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
