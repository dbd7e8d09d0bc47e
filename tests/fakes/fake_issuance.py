"""Credentials that nobody has minted."""

from dataclasses import dataclass

from broker.ids import ApprovalId, LeaseId, TaskId
from broker.model.principal import Principal
from broker.model.requests import IssueCredential, IssuedCredential
from broker.secret import Secret
from tests.fakes.orders import Stage
from tests.fakes.replace import replace
from tests.fakes.samples import CREDENTIAL, a_lease


@dataclass
class FakeIssuance:
    """Issuing and renewing."""

    stage: Stage

    async def issue(
        self, caller: Principal, task: TaskId, request: IssueCredential, idempotency_key: str
    ) -> IssuedCredential:
        """Issue."""
        answer = IssuedCredential(a_lease(), Secret(CREDENTIAL))
        arguments = (task, request, idempotency_key)
        return await self.stage.play("issuance.issue", caller, *arguments, answer=answer)

    async def redeem(
        self, caller: Principal, approval: ApprovalId, idempotency_key: str
    ) -> IssuedCredential:
        """Redeem."""
        answer, told = IssuedCredential(a_lease(), Secret(CREDENTIAL)), (approval, idempotency_key)
        return await self.stage.play("issuance.redeem", caller, *told, answer=answer)

    async def renew(
        self, caller: Principal, lease: LeaseId, ttl_ms: int, idempotency_key: str
    ) -> IssuedCredential:
        """Renew."""
        answer = IssuedCredential(replace(a_lease(), generation=2), Secret(CREDENTIAL))
        told = (lease, ttl_ms, idempotency_key)
        return await self.stage.play("issuance.renew", caller, *told, answer=answer)
