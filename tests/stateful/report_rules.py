"""Rules about reports: complete, true, and never taking back a confirmation."""

from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.errors import NotFoundError
from broker.model.principal import ALL_TENANTS
from broker.model.receipt import Receipt, ReceiptState
from tests.stateful.base import PICKS
from tests.stateful.feed_rules import FeedRules
from tests.stateful.model import ModelLease
from tests.stateful.people import SERVERS, operator

PAGES = st.sampled_from([1, 3, 100])


class ReportRules(FeedRules):
    """What operators read."""

    def __init__(self) -> None:
        super().__init__()
        self.confirmed: set[str] = set()

    @precondition(lambda self: self.model.leases)
    @rule(pick=PICKS, page=PAGES)
    def report_a_task(self, pick: int, page: int) -> None:
        """A task's report has a receipt for every dead lease of its tree, and no other."""
        task = self.model.leases[-1 - pick % len(self.model.leases)].task
        found = self.act(
            lambda: self.world.task_report(operator(ALL_TENANTS), task.id, page),
            {NotFoundError} if task.is_forgotten else set(),
        )
        if found is not None:
            self._check(found, [lease for node in task.tree() for lease in node.leases])

    @precondition(lambda self: self.model.orders)
    @rule(pick=PICKS, page=PAGES)
    def report_an_order(self, pick: int, page: int) -> None:
        """An order's report has a receipt for every lease that it covers, and no other."""
        order = self.model.orders[-1 - pick % len(self.model.orders)]
        found = self.act(lambda: self.world.revocation_report(order.by, order.id, page), set())
        assert found is not None
        covered = [lease for lease in self.model.leases if self.model.is_covered(lease, order)]
        self._check(found, covered)

    def _check(self, receipts: list[Receipt], of: Iterable[ModelLease]) -> None:
        expected = {
            lease.id: lease
            for lease in of
            if not lease.task.is_forgotten and not self.model.is_alive(lease)
        }
        names = [receipt.lease for receipt in receipts]
        assert sorted(names) == sorted(expected)
        for receipt in receipts:
            is_confirmed = receipt.state is ReceiptState.CONFIRMED
            assert is_confirmed or receipt.lease not in self.confirmed, receipt
            if is_confirmed:
                self._check_confirmed(receipt, expected[receipt.lease])
                self.confirmed.add(receipt.lease)

    def _check_confirmed(self, receipt: Receipt, lease: ModelLease) -> None:
        server = SERVERS[receipt.audience]
        assert self.unaware(lease, receipt.audience) == [], receipt
        assert self.model.now[lease.task.bucket] >= lease.last_alive + server.cache_ms
        assert receipt.audience != "ftp", "nobody confirms for a server that checks offline"
