"""The verbs that look at orders and reports as doubles, and what they answer."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from broker.ids import RevocationId, TaskId
from broker.model.principal import Principal
from broker.model.receipt import ALL_RECEIPTS, ReceiptFilter, ReceiptState, ReportPage
from broker.model.requests import RevocationFilter, RevocationPage, Selector, SelectorKind
from tests.fakes.samples import NOW_MS, a_receipt, a_revocation

T = TypeVar("T")


class Stage(Protocol):
    """What all doubles share: :class:`tests.fakes.services.Stage`."""

    async def play(self, verb: str, caller: Principal, *arguments: object, answer: T) -> T:
        """Record a call; then wait, fail or answer."""
        ...


@dataclass
class FakeOrderList:
    """Orders that were given."""

    stage: Stage

    async def find(
        self, caller: Principal, which: RevocationFilter, cursor: str, limit: int
    ) -> RevocationPage:
        """List."""
        shown = a_revocation(Selector(SelectorKind.AGENT, "invoice-bot", "acme"))
        page = RevocationPage((shown,), f"{NOW_MS}.3")
        return await self.stage.play("orders.find", caller, which, cursor, limit, answer=page)


@dataclass
class FakeReports:
    """Receipts."""

    stage: Stage

    async def of_task(
        self,
        caller: Principal,
        task: TaskId,
        cursor: str,
        limit: int,
        which: ReceiptFilter = ALL_RECEIPTS,
    ) -> ReportPage:
        """Report of a task."""
        page = ReportPage((a_receipt(),), {ReceiptState.CONFIRMED: 1}, "p.2/x")
        arguments = (task, cursor, limit, *_narrowing(which))
        return await self.stage.play("reports.of_task", caller, *arguments, answer=page)

    async def of_revocation(
        self,
        caller: Principal,
        revocation: RevocationId,
        cursor: str,
        limit: int,
        which: ReceiptFilter = ALL_RECEIPTS,
    ) -> ReportPage:
        """Report of an order."""
        page = ReportPage((a_receipt(),), {ReceiptState.CONFIRMED: 1}, "")
        arguments = (revocation, cursor, limit, *_narrowing(which))
        return await self.stage.play("reports.of_revocation", caller, *arguments, answer=page)


def _narrowing(which: ReceiptFilter) -> tuple[ReceiptFilter, ...]:
    """Record what a report is narrowed to, if it is."""
    return () if which == ALL_RECEIPTS else (which,)
