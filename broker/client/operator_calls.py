"""The routes of operators. What they raise: :mod:`broker.client.api_errors`, ``.errors``."""

from collections.abc import Mapping
from typing import Any

from broker.client import route
from broker.client.results import PickedPage, Report, Revocation, Selection
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
                ``{"all": True}``, or ``{"set": digest}`` of a selection.
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

    async def select(self, criteria: Mapping[str, str | int | bool]) -> Selection:
        """Pick the live credentials that all of the criteria name. Nothing is revoked.

        Args:
            criteria: some of ``agent``, ``capability``, ``issuer``, ``tenant``, ``task``,
                ``task_name`` (a glob), ``data_class``, ``older_than_seconds``; or ``all`` alone.
        """
        key = route.new_idempotency_key()  # picking twice is harmless, so it may be repeated
        call = Call("POST", ("v1", "selections"), json=dict(criteria), idempotency_key=key)
        return await self._transport.fetch(call, Selection)

    async def selection(self, digest: str) -> Selection:
        """Return a set that is kept."""
        return await self._transport.fetch(Call("GET", route.selection_path(digest)), Selection)

    async def selected(
        self, digest: str, *, cursor: str = "", limit: int | None = None
    ) -> PickedPage:
        """Return one page of a set's credentials."""
        path = route.selection_path(digest, "credentials")
        call = Call("GET", path, params=route.page(cursor, limit))
        return await self._transport.fetch(call, PickedPage)

    async def explain(self, decision: str) -> dict[str, Any]:
        """Return why a decision fell as it did."""
        call = Call("GET", route.decision_path(decision))
        return await self._transport.fetch(call, dict[str, Any])
