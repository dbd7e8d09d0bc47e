"""Taking access away. (stub)"""

from broker.ids import LeaseId, RevocationId, TaskId
from broker.model.lease import Lease
from broker.model.principal import Principal
from broker.model.receipt import ReportPage
from broker.model.requests import LeasePage, Revocation, Selector


class Credentials:
    """Looking at leases and giving them back."""

    async def show(self, caller: Principal, lease: LeaseId) -> Lease:
        raise NotImplementedError

    async def find(self, caller: Principal, task: TaskId, cursor: str, limit: int) -> LeasePage:
        raise NotImplementedError

    async def give_back(self, caller: Principal, lease: LeaseId) -> Lease:
        raise NotImplementedError


class Revocations:
    """Orders of operators."""

    async def order(
        self, caller: Principal, selector: Selector, reason: str, idempotency_key: str
    ) -> Revocation:
        raise NotImplementedError

    async def show(self, caller: Principal, revocation: RevocationId) -> Revocation:
        raise NotImplementedError


class Reports:
    """Receipts, page by page."""

    async def of_task(self, caller: Principal, task: TaskId, cursor: str, limit: int) -> ReportPage:
        raise NotImplementedError

    async def of_revocation(
        self, caller: Principal, revocation: RevocationId, cursor: str, limit: int
    ) -> ReportPage:
        raise NotImplementedError
