"""The routes of operators. What they raise: :mod:`broker.client.api_errors`, ``.errors``."""

from collections.abc import Mapping

from broker.client import route
from broker.client.results import Report, Revocation
from broker.client.transport import Call, Transport


class OperatorCalls:
    """Pull the plug, and see what came of it. For operators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def revoke(
        self,
        selector: Mapping[str, str | bool],
        *,
        reason: str,
        in_tenant: str = "",
        idempotency_key: str = "",
    ) -> Revocation:
        """Take away all that the selector names.

        Args:
            selector: exactly one of ``{"credential": id}``, ``{"task": id}``, ``{"agent": name}``,
                ``{"capability": name}``, ``{"issuer": URL}``, ``{"tenant": name}``,
                ``{"all": True}``.
            reason: why, for the audit trail.
            in_tenant: confines the order to one tenant.
            idempotency_key: made when it is not given.
        """
        members = {**selector, **route.body(reason=reason, in_tenant=in_tenant)}
        key = idempotency_key or route.new_idempotency_key()
        call = Call("POST", ("v1", "revocations"), json=members, idempotency_key=key)
        return await self._transport.fetch(call, Revocation)

    async def revocation(self, revocation: str) -> Revocation:
        """Return an order."""
        return await self._transport.fetch(
            Call("GET", route.revocation_path(revocation)), Revocation
        )

    async def revocation_report(
        self, revocation: str, *, cursor: str = "", limit: int | None = None
    ) -> Report:
        """Return one page of an order's receipts."""
        path = route.revocation_path(revocation, "report")
        call = Call("GET", path, params=route.page(cursor, limit))
        return await self._transport.fetch(call, Report)

    async def explain(self, decision: str) -> dict[str, object]:
        """Return why a decision fell as it did."""
        call = Call("GET", route.decision_path(decision))
        return await self._transport.fetch(call, dict[str, object])
