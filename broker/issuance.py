"""The path of a request for a credential. (stub)"""

from broker.ids import LeaseId, TaskId
from broker.model.principal import Principal
from broker.model.requests import IssueCredential, IssuedCredential


class Issuance:
    async def issue(
        self, caller: Principal, task: TaskId, request: IssueCredential, idempotency_key: str
    ) -> IssuedCredential:
        raise NotImplementedError

    async def renew(
        self, caller: Principal, lease: LeaseId, ttl_ms: int, idempotency_key: str
    ) -> IssuedCredential:
        raise NotImplementedError
