"""The routes of operators. What they raise: :mod:`broker.client.api_errors`, ``.errors``."""

from collections.abc import AsyncIterator, Mapping

from broker.client import route
from broker.client.agent_results import Agent, AgentPage, AgentView
from broker.client.decisions import Decision, GrantExplanation, Supposition
from broker.client.following import DEFAULT_FOLLOWING, Following
from broker.client.levels import Level
from broker.client.paging import items
from broker.client.reaching import WITHIN_SECONDS, Reaching, Reading, Told, tell_nobody
from broker.client.report_pages import pages_of_order
from broker.client.results import (
    CutList,
    PickedPage,
    Receipt,
    Report,
    Revocation,
    RevocationPage,
    Selection,
)
from broker.client.shadow_results import ShadowReport
from broker.client.transport import Call, Transport, ensure_about, ensure_id
from broker.ids import parse_revocation_id


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
        return ensure_id(await self._transport.fetch(call, Revocation), parse_revocation_id)

    async def revocation(self, revocation: str) -> Revocation:
        """Return an order."""
        call = Call("GET", route.revocation_path(revocation))
        found = await self._transport.fetch(call, Revocation)
        ensure_about(revocation, found.id)
        return found

    async def revocations(
        self,
        *,
        tenant: str = "",
        ordered_by: str = "",
        of: str = "",
        acknowledged: bool | None = None,
        ordered_after: str = "",
        ordered_before: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> RevocationPage:
        """List one page of the orders within the caller's tenants, newest first.

        Args:
            tenant: one that the order reaches.
            ordered_by: who gave it, as an order shows it: ``operator:alice``.
            of: what it names: ``agent``, ``task``, ``credential``, …
            acknowledged: whether it is carried out in the whole ledger.
            ordered_after: not before this instant, as in ``2027-01-15T08:00:00Z``.
            ordered_before: before this instant.
            cursor: where the page begins.
            limit: how many to a page.
        """
        params = route.query(
            tenant=tenant,
            ordered_by=ordered_by,
            of=of,
            acknowledged="" if acknowledged is None else str(acknowledged).lower(),
            ordered_after=ordered_after,
            ordered_before=ordered_before,
        )
        call = Call("GET", ("v1", "revocations"), params=params | route.page(cursor, limit))
        return await self._transport.fetch(call, RevocationPage)

    async def all_revocations(
        self,
        *,
        tenant: str = "",
        ordered_by: str = "",
        of: str = "",
        acknowledged: bool | None = None,
        ordered_after: str = "",
        ordered_before: str = "",
        at_most: int | None = None,
    ) -> AsyncIterator[Revocation]:
        """Yield the orders within the caller's tenants, newest first: all, or so many at most."""

        async def page(cursor: str) -> RevocationPage:
            return await self.revocations(
                tenant=tenant,
                ordered_by=ordered_by,
                of=of,
                acknowledged=acknowledged,
                ordered_after=ordered_after,
                ordered_before=ordered_before,
                cursor=cursor,
            )

        async for order in items(page, lambda found: found.revocations, at_most=at_most):
            yield order

    async def revocation_report(
        self,
        revocation: str,
        *,
        state: str = "",
        capability: str = "",
        kind: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> Report:
        """Return one page of an order's receipts: all, or those of a state, capability, kind."""
        path = route.revocation_path(revocation, "report")
        params = route.query(state=state, capability=capability, kind=kind)
        call = Call("GET", path, params=params | route.page(cursor, limit))
        report = await self._transport.fetch(call, Report)
        ensure_about(revocation, report.revocation.id if report.revocation else "")
        return report

    async def receipts(
        self,
        revocation: str,
        *,
        state: str = "",
        capability: str = "",
        kind: str = "",
        at_most: int | None = None,
    ) -> AsyncIterator[Receipt]:
        """Yield the receipts of an order, page by page: all of them, or so many at most.

        Of all states, capabilities and kinds, or of those that are named.
        """

        async def page(cursor: str) -> Report:
            return await self.revocation_report(
                revocation, state=state, capability=capability, kind=kind, cursor=cursor
            )

        async for receipt in items(page, lambda report: report.receipts, at_most=at_most):
            yield receipt

    async def wait(
        self,
        revocation: str,
        *,
        within_seconds: float = 30.0,
        following: Following = DEFAULT_FOLLOWING,
    ) -> tuple[Receipt, ...]:
        """Follow an order until every credential that it covers is accounted for.

        Returns all receipts, none of which will change any more. Receipts are listed only when the
        order stands in the whole ledger, so that is waited for first.

        Raises:
            FollowedTooLongError: some are still on their way; ``receipts`` has them all.
        """

        async def is_whole() -> bool:
            return (await self.revocation(revocation)).acknowledged

        return await following.settled(
            lambda: self.receipts(revocation), within_seconds, is_whole=is_whole
        )

    async def reach(
        self,
        revocation: str,
        level: str = Level.CONFIRMED,
        *,
        within_seconds: float = WITHIN_SECONDS,
        told: Told = tell_nobody,
        reading: Reading = tell_nobody,
    ) -> Report:
        """Follow an order until every credential that it covers has come so far; return it all.

        As :meth:`TaskCalls.reach`; that the order stands in the whole ledger is waited for first.

        Raises:
            NotReachedError: the time is up, or the rest dies only of age; it has the report.
            ValueError: there is no such level.
        """
        wanted = Level(level)
        following = Reaching(
            pages_of_order(self._transport, revocation), wanted, told=told, reading=reading
        )
        return (await following.follow(within_seconds)).require(wanted)

    async def cuts(self) -> CutList:
        """Return the cuts that stand within the caller's tenants."""
        return await self._transport.fetch(Call("GET", ("v1", "cuts")), CutList)

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

    async def agents(
        self,
        *,
        tenant: str = "",
        status: str = "",
        team: str = "",
        name: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> AgentPage:
        """List one page of the agents of the caller's tenants; ``name`` is a glob."""
        params = route.query(tenant=tenant, status=status, team=team, name=name)
        call = Call("GET", ("v1", "agents"), params=params | route.page(cursor, limit))
        return await self._transport.fetch(call, AgentPage)

    async def all_agents(
        self,
        *,
        tenant: str = "",
        status: str = "",
        team: str = "",
        name: str = "",
        at_most: int | None = None,
    ) -> AsyncIterator[Agent]:
        """Yield the agents of the caller's tenants, page by page: all, or so many at most."""

        async def page(cursor: str) -> AgentPage:
            return await self.agents(
                tenant=tenant, status=status, team=team, name=name, cursor=cursor
            )

        async for agent in items(page, lambda found: found.agents, at_most=at_most):
            yield agent

    async def agent(self, name: str) -> AgentView:
        """Return an agent, and what is live of it now."""
        found = await self._transport.fetch(Call("GET", route.agent_path(name)), AgentView)
        ensure_about(name, found.name)
        return found

    async def explain(self, decision: str) -> Decision:
        """Return why a decision fell as it did."""
        call = Call("GET", route.decision_path(decision))
        found = await self._transport.fetch(call, Decision)
        ensure_about(decision, found.decision)
        return found

    async def explain_credential(self, credential: str) -> GrantExplanation:
        """Return why a credential was granted, and whether it would be now; ended ones too."""
        call = Call("GET", route.credential_path(credential, "explanation"))
        found = await self._transport.fetch(call, GrantExplanation)
        ensure_about(credential, found.credential)
        return found

    async def shadow_report(self) -> ShadowReport:
        """Return what a candidate beside the published policies would have decided otherwise."""
        return await self._transport.fetch(Call("GET", ("v1", "shadow")), ShadowReport)

    async def suppose(self, request: Mapping[str, object]) -> Supposition:
        """Return what policy would say to a request that nobody has made.

        Args:
            request: ``action``, ``tenant`` and ``agent``, and some of ``caller``,
                ``caller_kind``, ``capability``, ``scopes``, ``ttl_seconds``,
                ``tickets``, ``resources``, ``on_behalf_of``, ``labels``, ``tool``.
        """
        call = Call("POST", ("v1", "explain"), json=dict(request))
        return await self._transport.fetch(call, Supposition)
