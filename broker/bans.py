"""Credentials that their target refuses by a list: from before they are minted until they are dead.

- ``enter`` before minting: from then on a cut-off of the list knows of them.
- ``kill``: what must stand is in the ledger before the target is told; a receipt says *accepted*
  when the document, read back, names it, and *confirmed* when a probe was refused while nothing
  that a lost writer has sent may still undo it.
- ``look``: what somebody has changed by hand, overwritten or deleted is mended, list by list, none
  of which waits for another (I11).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from backends.contract import Death, Place
from backends.deny_lists import Ban, DenyLists
from backends.errors import BackendError
from broker import under_way
from broker.collateral import Collateral
from broker.errors import BrokerError
from broker.faultpoints import FaultPoints
from broker.list_writer import ListWriter, Tools
from broker.model.ban import ListName
from broker.model.lease import LeaseSpec
from broker.places import Places
from broker.store.death_ledger import Dying
from broker.store.ledger import Ledger
from broker.target_wishes import place_of
from broker.targets.target import Target
from broker.targets.targets import Targets

_WHOLE_TASK: Final = "task-ended"
"""The end of a lease that every other lease of its task shares."""

SLACK_MS: Final = 60_000
"""How much longer than its session an entry stands, by whatever clock."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came of having a credential refused, and whether trying again may tell more."""

    death: Death
    can_tell: bool


class Bans:
    """Keeps every list of every target of this broker."""

    every_ms: Final = 2_000
    """How often it is asked which lists nobody has looked after lately."""

    def __init__(self, targets: Targets, tools: Tools) -> None:
        self._targets = targets
        self._tools = tools
        self._writers: dict[ListName, ListWriter] = {}
        self._looking: set[asyncio.Task[None]] = set()

    @classmethod
    def over(cls, ledger: Ledger, targets: Targets, faults: FaultPoints) -> "Bans":
        """Build them, and what they work with."""
        places = Places(ledger.quotas)
        collateral = Collateral(
            bans=ledger.bans, deaths=ledger.deaths, leases=ledger.leases, places=places
        )
        tools = Tools(
            ledger=ledger.bans,
            collateral=collateral,
            faults=faults,
            writer=ledger.ids.operation(),
        )
        return cls(targets, tools)

    async def enter(self, target: Target, spec: LeaseSpec) -> None:
        """Let a list know of a credential that is about to be made.

        Raises:
            BackendError: its place is none of this target's.
            BrokerError: it must not be made now.
        """
        lists = target.lists
        if lists is None:
            return
        _, name = _list_of(target, lists, place_of(spec))
        await self._tools.ledger.enter(name, spec.id, lists.longest_ms)

    async def kill(self, target: Target, lists: DenyLists, found: Dying) -> Refusal:
        """Have a credential refused, and its task's others with it where the task has ended.

        Raises:
            BackendError: it may be alive.
            BrokerError: nobody knows; the due queue comes back to it.
        """
        place = place_of(found.spec)
        ban, name = _list_of(target, lists, place)
        entry = ban.task if found.ended_by == _WHOLE_TASK else ban.one
        until_ms = _until_ms(target, lists, found)
        added = await self._tools.ledger.add(name, entry, until_ms, found.spec.id)
        self._tools.faults.reach("ban.listed")
        is_sure = await self._writer(name, target, lists).bring(added.revision)
        # What a cut-off refuses, no session of today can try.
        can_tell = not added.cut_ms and lists.is_probed(place)
        is_refused = can_tell and is_sure and await _is_refused(target, place)
        return Refusal(Death.GONE if is_refused else Death.ACCEPTED, can_tell=can_tell)

    async def leave(self, target: Target, found: Dying) -> None:
        """Forget a credential that is dead; not to be told of it costs a little room."""
        if target.lists is None:
            return
        try:
            _, name = _list_of(target, target.lists, place_of(found.spec))
            await self._tools.ledger.leave(name, [found.spec.id])
        except (BackendError, BrokerError) as error:
            _log.info("ban-not-left", credential=found.spec.id, error=str(error))

    async def look(self) -> None:
        """Begin to look after every list that nobody has looked after lately."""
        try:
            names = await self._tools.ledger.names()
        except BrokerError as error:
            _log.warning("deny-lists-not-read", error=str(error))
            return
        for name in names:
            target = self._targets.named(name.target)
            if target is not None and target.lists is not None:
                writer = self._writer(name, target, target.lists)
                if not writer.is_busy:
                    self._spawn(writer, name)

    async def rested(self) -> None:
        """Wait until nobody looks after any list."""
        while self._looking:
            await asyncio.wait(list(self._looking))

    async def stop(self) -> None:
        """End what is under way; the next look finds it."""
        await under_way.end(self._looking)
        for writer in self._writers.values():
            await writer.stop()

    def _spawn(self, writer: ListWriter, name: ListName) -> None:
        task = asyncio.create_task(_looked(writer, name))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    def _writer(self, name: ListName, target: Target, lists: DenyLists) -> ListWriter:
        found = self._writers.get(name)
        if found is None:

            def until_of(dying: Dying) -> int:
                return _until_ms(target, lists, dying)

            found = self._writers[name] = ListWriter(name, target, lists, until_of, self._tools)
        return found


async def _is_refused(target: Target, place: Place) -> bool:
    """Find out by trying; what cannot be told has been accepted all the same."""
    try:
        return await target.probe(place)
    except BackendError as error:
        _log.warning("not-probed", target=target.name, locator=place.locator, why=str(error))
        return False


async def _looked(writer: ListWriter, name: ListName) -> None:
    try:
        await writer.bring(None)
    except (BackendError, BrokerError) as error:
        _log.warning("deny-list-not-looked-after", target=name.target, at=name.at, why=str(error))


def _list_of(target: Target, lists: DenyLists, place: Place) -> tuple[Ban, ListName]:
    ban = lists.ban_of(place)
    return ban, ListName(target.name, place.identity, ban.at)


def _until_ms(target: Target, lists: DenyLists, found: Dying) -> int:
    """Return when the last session of a lease has died of age, by the ledger's clock."""
    minted_by_ms = found.issued_at_ms + target.minting_ms
    return lists.stays_until_ms(minted_by_ms, found.expires_at_ms) + SLACK_MS
