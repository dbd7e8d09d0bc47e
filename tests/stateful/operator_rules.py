"""Rules about operators: their orders, and new revisions of the facts."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.errors import BrokerError, NotFoundError
from broker.model.principal import ALL_TENANTS
from broker.model.requests import Revocation, Selector, SelectorKind
from broker.model.task import TaskState
from broker.revocation import cuts_of
from tests.fakes.faulty_link import Fault
from tests.stateful.base import FAULTS, ISSUER, PICKS, WHERE, WHO
from tests.stateful.lease_rules import CAPABILITY, LeaseRules
from tests.stateful.model import ModelOrder, ModelTask, reaches
from tests.stateful.people import operator

BY = st.sampled_from(["acme", "globex", ALL_TENANTS])
IN = st.sampled_from(["acme", "globex", ""])

CUTS = st.one_of(
    st.builds(Selector, st.just(SelectorKind.CAPABILITY), CAPABILITY, IN),
    st.builds(Selector, st.just(SelectorKind.AGENT), WHO, IN),
    st.builds(Selector, st.just(SelectorKind.ISSUER), ISSUER, IN),
    st.builds(Selector, st.just(SelectorKind.TENANT), WHERE),
    st.just(Selector(SelectorKind.ALL)),
)


class OperatorRules(LeaseRules):
    """What operators do."""

    def __init__(self) -> None:
        super().__init__()
        self.revision = 0

    @rule(by=BY, selector=CUTS, fault=FAULTS, is_meant=st.sampled_from([False, True, False]))
    def cut(self, by: str, selector: Selector, fault: Fault | None, is_meant: bool) -> None:  # noqa: FBT001
        """An operator takes away all of one agent, capability, issuer, tenant, or everything."""
        if not is_meant:
            return  # or nothing would live for long
        caller, key = operator(by), self.fresh_key()
        wanted = selector.value if selector.kind is SelectorKind.TENANT else selector.tenant
        refusals: set[type[BrokerError]] = set()
        if wanted and not reaches(caller, wanted):
            refusals.add(NotFoundError)

        async def call() -> Revocation:
            return await self.world.verbs.revocations.order(caller, selector, "breach", key)

        made = self.act(call, refusals, fault)
        if made is None:
            return
        assert made.pending_buckets == ()
        order, standings = self.run(self.world.ledger.orders.find(made.id))
        cuts = tuple(cuts_of(order))
        before = {
            (cut.field, bucket): standings[cut.field][bucket].issued_before_ms
            for cut in cuts
            for bucket in range(self.world.buckets)
        }
        for (_, bucket), instant in before.items():
            assert self.model.now[bucket] <= instant <= max(self.model.now)
        self.model.orders.append(ModelOrder(made.id, caller, cuts, before))
        assert self.act(call, set()) == made

    @precondition(lambda self: self.model.leases)
    @rule(pick=PICKS, by=BY, is_task=st.booleans(), fault=FAULTS)
    def revoke(self, pick: int, by: str, is_task: bool, fault: Fault | None) -> None:  # noqa: FBT001
        """An operator takes away one credential, or its task."""
        lease = self.a_lease(pick)
        if not is_task:
            if self._order(by, SelectorKind.CREDENTIAL, lease.id, lease.task, fault):
                self.end(lease, "revoked")
        elif self._order(by, SelectorKind.TASK, lease.task.id, lease.task, fault):
            lease.task.close(TaskState.CANCELLED, self.now(lease.id))

    def _order(
        self, by: str, kind: SelectorKind, value: str, task: ModelTask, fault: Fault | None
    ) -> bool:
        caller, key = operator(by), self.fresh_key()
        refusals: set[type[BrokerError]] = set()
        is_gone = task.is_forgotten and kind is SelectorKind.TASK
        if is_gone or not reaches(caller, task.tenant):
            refusals.add(NotFoundError)
        order = self.act(
            lambda: self.world.verbs.revocations.order(caller, Selector(kind, value), "x", key),
            refusals,
            fault,
        )
        return order is not None

    @rule(fault=FAULTS)
    def publish(self, fault: Fault | None) -> None:
        """Facts change; brokers learn of it only when the ledger refuses them."""
        self.revision += 1
        digest = f"digest-{self.revision}"

        async def call() -> object:
            return await self.world.ledger.control.publish("{}", digest, "operator:op")

        record = self.act(call, set(), fault)
        assert record is not None
        assert record.revision == self.revision
