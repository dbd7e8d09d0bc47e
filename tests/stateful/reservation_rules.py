"""Rules about credentials that somebody else mints: reserved first, activated when they exist."""

from hypothesis.stateful import precondition, rule

from broker.errors import (
    BrokerError,
    LeaseEndedError,
    NotFoundError,
    StaleFactsError,
    TaskClosedError,
)
from broker.model.decision import Trace
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.requests import IssueCredential
from broker.store.new_lease import NewLease
from broker.store.quotas import Quota
from tests.stateful.base import ISSUER, PICKS, SHORT
from tests.stateful.lease_rules import CAPABILITY, LeaseRules
from tests.stateful.model import ModelLease, ModelTask
from tests.stateful.people import CAPABILITIES, FAR, QUOTAS, agent


class ReservationRules(LeaseRules):
    """Reserve and activate, as the minting of foreign credentials does it."""

    @precondition(lambda self: self.model.tasks)
    @rule(pick=PICKS, issuer=ISSUER, capability=CAPABILITY, ttl=SHORT)
    def reserve(self, pick: int, issuer: str, capability: str, ttl: int) -> None:
        """Reserve a lease for what does not exist yet."""
        task = self.a_task(pick)
        caller = agent(task.agent, task.instance or "pod-9", issuer)
        request = IssueCredential(capability, frozenset({"read"}), ttl)
        refusals = self.issue_refusals(caller, task, request) - {NotFoundError}
        if task.is_forgotten or not task.instance or refusals:
            return
        new = self._new(task, request, issuer)

        async def call() -> object:
            quotas = [Quota("tenant", task.tenant, QUOTAS["tenant"])]
            quotas += [
                Quota("agent", name, QUOTAS["agent"]) for name in {task.agent, task.root.agent}
            ]
            assert (
                await self.world.ledger.quotas.begin(quotas, new.spec.id, ttl).refused_by() is None
            )
            return await self.world.ledger.leases.grant(new)

        if self.act(call, set()):
            [lease] = self.adopt(task, caller, request)
            lease.is_reserved, lease.facts = True, self.revision

    def _new(self, task: ModelTask, request: IssueCredential, issuer: str) -> NewLease:
        name = self.world.ledger.ids.lease(task.id)
        spec = LeaseSpec(
            id=name,
            task=task.id,
            path=tuple(node.id for node in task.path),
            actors=tuple(node.agent for node in task.path),
            agent=task.agent,
            instance=task.instance,
            tenant=task.tenant,
            on_behalf_of="",
            capability=request.capability,
            backend=CAPABILITIES[request.capability].backend,
            audience=request.capability,
            scopes=("read",),
            evidence_issuer=issuer,
            locator=name,
            key_id="k1",
            trace=Trace("v1", self.revision),
        )
        most = CAPABILITIES[request.capability].max_ttl_ms
        return NewLease(
            spec,
            LeaseState.RESERVED,
            ttl_ms=request.ttl_ms,
            max_ttl_ms=most,
            evidence_exp_ms=FAR,
            facts=self.revision,
            key="",
            digest="",
        )

    @precondition(lambda self: any(lease.is_reserved for lease in self.model.leases))
    @rule(pick=PICKS)
    def activate(self, pick: int) -> None:
        """What was reserved exists now."""
        reserved = [lease for lease in self.model.leases if lease.is_reserved]
        lease = reserved[-1 - pick % len(reserved)]
        spec = self._spec_of(lease)
        if spec is None:
            return
        refusals: set[type[BrokerError]] = set()
        if lease.facts < self.revision:
            refusals.add(StaleFactsError)
        if lease.ended_by or lease.expires <= self.now(lease.id):
            refusals.add(LeaseEndedError)
        elif not self.model.is_alive(lease):
            refusals |= {TaskClosedError, *self.shut(lease.task)}
        lease.is_reserved = bool(refusals)
        self.act(lambda: self.world.ledger.leases.activate(spec, lease.facts), refusals)

    def _spec_of(self, lease: ModelLease) -> LeaseSpec | None:
        if lease.task.is_forgotten:
            return None
        return self.run(self.world.ledger.leases.view(lease.id)).spec
