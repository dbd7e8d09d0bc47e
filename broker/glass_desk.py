"""Looking at emergencies, ending one, answering for it afterwards: none of it gives anything."""

from collections.abc import Callable, Sequence
from typing import Final

from broker.cursor import foreign, number
from broker.errors import AccessDeniedError, InvalidRequestError, NotFoundError
from broker.faultpoints import FaultPoints
from broker.glass_rules import require_person, require_visible
from broker.ids import BreakGlassId, LeaseId, bucket_of, parse_glass_id, parse_lease_id
from broker.model.break_glass import Glass, GlassPage
from broker.model.principal import Kind, Principal
from broker.ownership import is_operator_of
from broker.places import Places
from broker.store.glass_ledger import GlassLedger, Spot
from broker.store.lease_ledger import LeaseLedger

_LOOKS: Final = 400
"""Emergencies looked at for one page: bounds its work when few of them are wanted."""

_AT_ONCE: Final = 50


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

    async def find(self, caller: Principal, only: str, cursor: str, limit: int) -> GlassPage:
        """Page through those of the caller's tenants, the newest first.

        ``only``: the ``open`` ones, or those ``unreviewed``. A page can be short before the end:
        the cursor tells.

        Raises:
            AccessDeniedError: neither a person nor an operator.
            InvalidRequestError: the cursor is none of this list.
        """
        if caller.kind not in (Kind.PERSON, Kind.OPERATOR):
            raise AccessDeniedError("people-and-operators-only")
        spot = _parse(cursor) if cursor else None
        found: list[Glass] = []
        looked, is_end = 0, False
        while not is_end and len(found) < limit and looked < _LOOKS:
            rows = await self._glass.older(spot, _AT_ONCE, is_owed=bool(only))
            is_end = len(rows) < _AT_ONCE
            for at, each in rows:
                if len(found) == limit:
                    is_end = False
                    break
                looked, spot = looked + 1, at
                if each and caller.answers_for(each.spec.tenant) and _is_wanted(only, each):
                    found.append(each)
        return GlassPage(tuple(found), "" if is_end or spot is None else _write(spot))

    async def open_for(self, *, task: str = "") -> Sequence[Glass]:
        """Return what is open now for one task, or anywhere: whoever shows it has to ask who may.

        Raises:
            StoreUnavailableError: nobody knows.
        """
        found = await self._glass.open_in([bucket_of(task)] if task else None)
        return [each for each in found if task in ("", each.spec.task)]

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


def _is_wanted(only: str, glass: Glass) -> bool:
    if only == "open":
        return glass.is_open
    return glass.awaits_review if only == "unreviewed" else True


def _parse(cursor: str) -> Spot:
    at_ms, _, name = cursor.partition(".")
    try:
        return number(at_ms, "list"), parse_glass_id(name)
    except InvalidRequestError as error:
        raise foreign("list") from error


def _write(spot: Spot) -> str:
    return f"{spot[0]}.{spot[1]}"
