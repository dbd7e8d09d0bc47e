"""Approvals that nobody has asked for."""

from dataclasses import dataclass

from broker.approving import ApprovalPage, Reply, Shown
from broker.ids import ApprovalId
from broker.model.approval import Approval
from broker.model.principal import Kind, Principal
from broker.model.requests import ApprovalFilter
from tests.fakes.orders import Stage
from tests.fakes.samples import an_approval


@dataclass
class FakeApprovals:
    """Waiting, looking and answering."""

    stage: Stage

    async def poll(self, caller: Principal, approval: ApprovalId) -> Approval | None:
        """Agents have asked for everything."""
        mine = an_approval() if caller.kind is Kind.AGENT else None
        return await self.stage.play("approvals.poll", caller, approval, answer=mine)

    async def mine(self, caller: Principal, approval: ApprovalId) -> Approval:
        """Show its asker how it stands."""
        return await self.stage.play("approvals.mine", caller, approval, answer=an_approval())

    async def show(self, caller: Principal, approval: ApprovalId) -> Shown:
        """Show it to those who may answer."""
        return await self.stage.play("approvals.show", caller, approval, answer=_shown())

    async def find(
        self, caller: Principal, which: ApprovalFilter, cursor: str, limit: int
    ) -> ApprovalPage:
        """List."""
        page = ApprovalPage((_shown(),), "")
        return await self.stage.play("approvals.find", caller, which, cursor, limit, answer=page)

    async def answer(self, caller: Principal, approval: ApprovalId, reply: Reply) -> Shown:
        """Say yes or no."""
        return await self.stage.play("approvals.answer", caller, approval, reply, answer=_shown())


def _shown() -> Shown:
    approval = an_approval()
    return Shown(approval, None, approval.wanted.requirements, may_answer=True)
