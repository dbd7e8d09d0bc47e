"""Looking at emergencies, ending one, answering for it afterwards: none of it gives anything."""

from collections.abc import Callable, Sequence

from broker.errors import AccessDeniedError, NotFoundError
from broker.faultpoints import FaultPoints
from broker.glass_rules import require_person, require_visible
from broker.ids import BreakGlassId, LeaseId, parse_lease_id
from broker.model.break_glass import Glass
from broker.model.principal import Kind, Principal
from broker.ownership import is_operator_of
from broker.places import Places
from broker.store.glass_ledger import GlassLedger
from broker.store.lease_ledger import LeaseLedger


class GlassDesk:
    """Verbs on emergencies. ``ended`` is called with a lease whose end is news."""

    def __init__(
        self,
        *,
        glass: GlassLedger,
        leases: LeaseLedger,
        places: Places,
        faults: FaultPoints,
        ended: Callable[[LeaseId], None],
        told: Callable[[BreakGlassId], None],
    ) -> None:
        self._glass = glass
        self._leases = leases
        self._places = places
        self._faults = faults
        self._ended = ended
        self._told = told

    async def show(self, caller: Principal, glass: BreakGlassId) -> Glass:
        """Show one to its tenant's people and operators, and to the agent's instance.

        Raises:
            NotFoundError: to everybody else.
        """
        found = await self._glass.find(glass)
        if not _is_agents(caller, found):
            require_visible(caller, found)
        return found

    async def find(self, caller: Principal, *, only: str = "") -> Sequence[Glass]:
        """List those of the caller's tenants: all, ``open`` ones, or those ``unreviewed``.

        Raises:
            AccessDeniedError: neither a person nor an operator.
        """
        if caller.kind not in (Kind.PERSON, Kind.OPERATOR):
            raise AccessDeniedError("people-and-operators-only")
        found = [e for e in await self._glass.newest() if caller.answers_for(e.spec.tenant)]
        if only == "open":
            return [each for each in found if each.is_open]
        return [each for each in found if each.awaits_review] if only == "unreviewed" else found

    async def end(self, caller: Principal, glass: BreakGlassId) -> Glass:
        """End it now, with what was had by it: its people, and the operators of its tenant.

        Raises:
            NotFoundError: to everybody else.
        """
        found = await self._glass.find(glass)
        is_party = caller.kind is Kind.PERSON and caller.name in found.parties
        if not is_party and not is_operator_of(caller, found.spec.tenant):
            require_visible(caller, found)
            raise AccessDeniedError("not-its-own")
        require_visible(caller, found)
        await self._glass.end(found.spec, caller.ref)
        self._faults.reach("glass.ended")
        self._told(glass)
        after = await self._glass.find(glass)  # what was noted until then ends here, later not
        if after.lease:
            await self._end_lease(parse_lease_id(after.lease), after)
        return after

    async def review(self, caller: Principal, glass: BreakGlassId, words: str) -> Glass:
        """Answer for it, as somebody who had no part in it.

        Raises:
            NotFoundError: there is none in a tenant of this person's.
            AccessDeniedError: no person, or one who had a part in it.
            GlassStateError: it is still open, or never was.
        """
        found = await self._glass.find(glass)
        require_visible(caller, found)
        require_person(caller)
        spec = found.spec
        own = {*found.parties, spec.on_behalf_of, spec.task_opener.removeprefix("person:")}
        if caller.name in own:
            raise AccessDeniedError("had-a-part-in-it")
        await self._glass.review(spec, caller.ref, words)
        self._told(glass)
        return await self._glass.find(glass)

    async def _end_lease(self, lease: LeaseId, glass: Glass) -> None:
        await self._leases.end([(lease, glass.spec.task)], "revoked")
        try:
            held = await self._leases.view(lease, glass.spec.path)
        except NotFoundError:
            return
        await self._places.free(held.spec, [lease])
        self._ended(lease)


def _is_agents(caller: Principal, glass: Glass) -> bool:
    spec = glass.spec
    return (
        caller.kind is Kind.AGENT
        and (caller.name, caller.instance) == (spec.agent, spec.instance)
        and caller.answers_for(spec.tenant)
    )
