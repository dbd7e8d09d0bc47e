"""What an open emergency gives: one credential, once, to the instance of its task.

- It expires when the emergency ends, by itself: nobody has to be there for that.
- It is never prolonged. Whatever ends the task, the agent or the tenant ends it as any other.
- It is in the ledger before it exists, and noted at the emergency before it is delivered: what
  ended meanwhile is not delivered, and ends.
"""

import hashlib
from collections.abc import Callable

from msgspec.structs import replace

from broker.binding import key_for, latest_end_ms
from broker.errors import (
    AccessDeniedError,
    BrokerError,
    GlassStateError,
    LeaseEndedError,
    NotFoundError,
)
from broker.faultpoints import FaultPoints
from broker.glass_rules import is_overridden, require_same
from broker.governance.published import Published
from broker.granting import Granting
from broker.ids import BreakGlassId, IdFactory, LeaseId
from broker.judgement import Judgement
from broker.minting import Minting
from broker.model.break_glass import Glass, GlassSpec
from broker.model.capability import Capability
from broker.model.decision import Deny, Obligations, Permit, Trace
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.principal import Principal
from broker.model.requests import IssuedCredential
from broker.model.task import TaskSpec
from broker.ownership import require_owner
from broker.policy.query import Action, Query, TaskFacts
from broker.questions import asked_of
from broker.store import codec
from broker.store.glass_ledger import GlassLedger
from broker.store.lease_ledger import LeaseLedger
from broker.store.new_lease import NewLease
from broker.store.task_tree import TaskTree
from broker.target_minting import TargetMinting


class GlassMinting:
    """Gives it. ``told`` is called with a lease whose bucket has news."""

    def __init__(  # noqa: PLR0913 - one argument per collaborator
        self,
        *,
        tree: TaskTree,
        leases: LeaseLedger,
        glass: GlassLedger,
        granting: Granting,
        at_targets: TargetMinting,
        minting: Minting,
        judgement: Judgement,
        ids: IdFactory,
        faults: FaultPoints,
        told: Callable[[LeaseId], None],
    ) -> None:
        self._tree = tree
        self._leases = leases
        self._glass = glass
        self._granting = granting
        self._at_targets = at_targets
        self._minting = minting
        self._judgement = judgement
        self._ids = ids
        self._faults = faults
        self._told = told

    async def fetch(self, caller: Principal, glass: BreakGlassId) -> IssuedCredential:
        """Give the one credential; a repeat gives the same while it lives, where that can be.

        Raises:
            NotFoundError: none of this instance's.
            GlassStateError: it is not open, or its capability is another thing by now.
            LeaseEndedError: it was fetched before.
            AccessDeniedError: the agent or tenant is held, or the engine fails.
            TaskClosedError, QuotaExceededError, IssuanceError, UnavailableError.
        """

        async def attempt(published: Published, known: Principal) -> IssuedCredential:
            found = await self._glass.find(glass)
            task = await self._task(known, found.spec)
            return await self._fetch(published, known, found, task)

        return await self._judgement.on_fresh_facts(caller, attempt)

    async def _task(self, known: Principal, spec: GlassSpec) -> TaskSpec:
        bound = await self._tree.bound(spec.task)
        if bound is None or bound[1] != spec.instance:
            raise NotFoundError("no such break-glass")
        require_owner(known, bound[0], bound[1])
        return bound[0]

    async def _fetch(
        self, published: Published, known: Principal, glass: Glass, task: TaskSpec
    ) -> IssuedCredential:
        if not glass.is_open:
            raise GlassStateError(f"it is {glass.state}")
        capability = require_same(published, glass.spec)
        if capability.target and glass.lease:
            raise LeaseEndedError("it was fetched before")
        query = _question(known, task, capability, glass.spec)
        trace = await self._overriding(published, query)
        new = self._new(published, query, capability, glass, trace)
        issued = await self._granted(new, capability, published)
        self._faults.reach("glass.granted")
        await self._noted(published, glass.spec, issued)
        self._faults.reach("glass.noted")
        return issued

    async def _overriding(self, published: Published, query: Query) -> Trace:
        """Let policy's own no pass, and no other one.

        Raises:
            AccessDeniedError: the broker's own no, or the engine has no answer.
        """
        decision = await published.decider.decide(query)
        if isinstance(decision, Deny) and not is_overridden(decision):
            raise await self._judgement.refusal(query, str(decision.reason), decision.trace)
        is_permit = isinstance(decision, Permit)
        return decision.trace if is_permit else replace(decision.trace, missing=())

    async def _granted(
        self, new: NewLease, capability: Capability, published: Published
    ) -> IssuedCredential:
        try:
            if capability.target:
                return await self._at_targets.issue(new, capability, published.quotas)
            lease = await self._granting.grant(new, published.quotas)
            return self._minting.issued(lease, capability)
        finally:
            self._told(new.spec.id)

    async def _noted(self, published: Published, spec: GlassSpec, issued: IssuedCredential) -> None:
        """Note it at the emergency; end it where that has ended.

        Raises:
            BrokerError: it is not delivered.
        """
        lease = issued.lease.spec
        try:
            await self._glass.note(spec, (published.revision, published.graph), lease.id)
        except BrokerError:
            await self._leases.end([(lease.id, lease.task)], "revoked")
            self._told(lease.id)
            raise

    def _new(
        self,
        published: Published,
        query: Query,
        capability: Capability,
        glass: Glass,
        trace: Trace,
    ) -> NewLease:
        spec, caller = glass.spec, query.principal
        key = None if capability.target else key_for(caller, Obligations())
        signer = self._minting.signer()
        left_ms = min(spec.ttl_ms, glass.ends_ms - glass.now_ms)
        if left_ms <= 0:
            raise AccessDeniedError("no-time-left")
        lease = _lease(self._ids.lease(spec.task), caller, capability, spec, trace)
        granted = replace(
            lease, key_id="" if capability.target else signer.key_id, confirmation=key
        )
        return NewLease(
            spec=granted,
            state=LeaseState.ACTIVE,
            ttl_ms=left_ms,
            max_ttl_ms=left_ms,
            evidence_exp_ms=min(latest_end_ms(caller, key), glass.ends_ms),
            facts=published.revision,
            key=_hash(f"break-glass {spec.id}"),
            digest=_hash(f"{glass.digest} {key}"),
            manifest=signer.manifest,
            graph=published.graph,
            asked=codec.encode(asked_of(query)),
        )


def _question(known: Principal, task: TaskSpec, capability: Capability, spec: GlassSpec) -> Query:
    return Query(
        action=Action.REQUEST_CREDENTIAL,
        principal=known,
        task=TaskFacts.of(task),
        capability=capability,
        ceiling=task.ceiling,
        scopes=frozenset(spec.scopes),
        ttl_ms=spec.ttl_ms,
    )


def _lease(
    lease: LeaseId, caller: Principal, capability: Capability, spec: GlassSpec, trace: Trace
) -> LeaseSpec:
    return LeaseSpec(
        id=lease,
        task=spec.task,
        path=spec.path,
        actors=spec.actors,
        agent=spec.agent,
        instance=caller.instance,
        tenant=spec.tenant,
        on_behalf_of=spec.on_behalf_of,
        capability=capability.name,
        backend=capability.backend,
        audience=capability.audience,
        scopes=spec.scopes,
        evidence_issuer=caller.issuer,
        locator=lease,
        key_id="",
        trace=trace,
        renewable=False,
        break_glass=spec.id,
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
