"""Brings one deny list at a target to what the ledger says must stand in it.

    claim ─ read ─ (take over what a lost ledger knew) ─ (cut off, if it does not fit)
          ─ write the whole ─ read back ─ compare ─ note, release

- Whoever asks while a round is under way is served by the next one, together with all who ask
  meanwhile: tasks that end at once are one write.
- Among brokers one writes at a time, by a claim that ends by itself (:mod:`broker.list_hold`).
  That nothing is lost does not rest on it: each writes what must stand as it has just read it, and
  whoever was too slow, or died, has the list looked at again.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

import structlog

from backends.deny_lists import DenyLists, Standing
from backends.errors import BackendError, Trouble
from broker.collateral import Collateral, UntilOf
from broker.errors import BrokerError
from broker.faultpoints import FaultPoints
from broker.list_hold import HIDE_MS, Hold
from broker.model.ban import BanView, ListName
from broker.model.ban_state import Round
from broker.store.ban_ledger import BanLedger, Claim
from broker.targets.target import Target

GAP_MS: Final = 6_000
"""How far a target's clock may be from the ledger's, and a second for rounding."""

LOOK_MS: Final = 10_000
"""How often each list is looked at, whoever does it."""

_POLL_MS: Final = 100

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every list's writer works with. ``writer`` names this process."""

    ledger: BanLedger
    collateral: Collateral
    faults: FaultPoints
    writer: str


class ListWriter:
    """Writes one list."""

    def __init__(
        self, name: ListName, target: Target, lists: DenyLists, until_of: UntilOf, tools: Tools
    ) -> None:
        self._name = name
        self._target = target
        self._lists = lists
        self._until_of = until_of
        self._tools = tools
        self._next: asyncio.Future[bool] | None = None
        self._wanted: int | None = None
        self._running: asyncio.Task[None] | None = None

    async def bring(self, revision: int | None) -> bool:
        """Wait until what must stand since a revision stands there; None: only look after it.

        Return whether it is sure to stay: nothing that a lost writer has sent may still arrive.

        Raises:
            BackendError: it does not, or nobody knows.
            BrokerError: the ledger does not say.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        if revision is not None:
            self._wanted = max(self._wanted or 0, revision)
        promised = self._next
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(promised)

    @property
    def is_busy(self) -> bool:
        """Whether a round is under way."""
        return self._running is not None

    async def stop(self) -> None:
        """Stop; what was under way is found by the next look."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        promised: asyncio.Future[bool] | None = None
        try:
            while (promised := self._next) is not None:
                wanted, self._next, self._wanted = self._wanted, None, None
                await self._keep(promised, wanted)
        finally:
            self._running = None
            for left in (promised, self._next):
                if left is not None and not left.done():
                    _fail(left, BackendError(Trouble.UNKNOWN, "its list is no longer written"))
            self._next = None

    async def _keep(self, promised: "asyncio.Future[bool]", wanted: int | None) -> None:
        try:
            is_sure = await self._round(wanted)
        except (BackendError, BrokerError) as error:
            _fail(promised, error)
        else:
            promised.set_result(is_sure)

    async def _round(self, wanted: int | None) -> bool:
        patience_ms = 4 * self._target.bounds.deadline_ms
        try:
            async with asyncio.timeout(patience_ms / 1000):
                fence = await self._claim(wanted)
        except TimeoutError:
            raise BackendError(Trouble.BUSY, "another broker writes this list") from None
        return fence is None or await self._claimed(fence)

    async def _claim(self, wanted: int | None) -> int | None:
        """Take the list; None when nothing is left to do, or somebody else looks after it."""
        while True:
            claim, number = await self._tools.ledger.claim(
                self._name, self._tools.writer, hide_ms=HIDE_MS, revision=wanted, fresh_ms=LOOK_MS
            )
            if claim is Claim.TAKEN:
                return number
            if claim is not Claim.HELD or wanted is None:
                return None
            await asyncio.sleep(min(number, _POLL_MS) / 1000)

    async def _claimed(self, fence: int) -> bool:
        came = Round(trouble=Trouble.UNKNOWN.value)
        try:
            async with Hold(self._tools.ledger, self._name, fence) as hold:
                standing = await self._target.read_list(self._name.at)
                view = await self._view(standing)
                came = replace(came, lost=await self._tell_of_lost(standing, view))
                came = await self._write(hold, standing, view, came)
        except BackendError as error:
            came = replace(came, trouble=error.trouble.value)
            raise
        finally:
            is_sure = await self._tools.ledger.release(self._name, fence, came)
        return is_sure

    async def _write(self, hold: Hold, standing: Standing, view: BanView, came: Round) -> Round:
        if not standing.is_as(view.desired):
            await hold.require(self._target.minting_ms)
            standing = await self._target.write_list(self._name.at, view.desired)
            self._tools.faults.reach("ban.written")
        if not standing.is_as(view.desired):
            raise BackendError(Trouble.NOT_KEPT, f"{self._name.at} does not show what was written")
        return replace(
            came,
            revision=view.revision,
            stands=True,
            entries=view.entries,
            cut_ms=view.cut_ms,
            room=standing.room,
            free=standing.room - self._weight(view.entries),
            trouble="",
        )

    async def _tell_of_lost(self, standing: Standing, view: BanView) -> int:
        """Raise the alarm if what has stood, and must, stands no more: it may have lived.

        Whatever broker has seen it stand; once for each loss. Return how much is lost.
        """
        stood = await self._tools.ledger.stood(self._name)
        lost = len((stood.entries & view.entries) - standing.entries)
        is_cut_lost = stood.cut_ms > standing.issued_before_ms and stood.cut_ms == view.cut_ms
        gone = lost + is_cut_lost
        if gone and gone != stood.told:
            _log.error("deny-list-lost", **self._words(), entries=lost, cut_off=is_cut_lost)
        return gone

    async def _view(self, standing: Standing) -> BanView:
        """Say what must stand, so that it fits."""
        view = await self._tools.ledger.view(self._name)
        names_any = bool(standing.entries or standing.issued_before_ms)
        if names_any and not view.has_made(standing.mark):
            view = await self._adopt(standing)
        if view.is_laid or not self._fits(view, standing):
            view = await self._cut_off(standing)
        if not self._fits(view, standing):
            raise BackendError(Trouble.REFUSED, f"{self._name.at}: {view.count} do not fit")
        return view

    def _fits(self, view: BanView, standing: Standing) -> bool:
        is_all = view.count == len(view.entries)
        return is_all and self._weight(view.entries) <= standing.room

    def _weight(self, entries: frozenset[str]) -> int:
        return sum(map(self._lists.weight, entries))

    async def _adopt(self, standing: Standing) -> BanView:
        """Take over what this ledger does not know of: it may have been lost (I3)."""
        _log.warning("deny-list-taken-over", **self._words(), entries=len(standing.entries))
        view = await self._tools.ledger.view(self._name)
        longest_ms = self._lists.longest_ms + GAP_MS
        until_ms = max(view.now_ms, standing.target_now_ms) + longest_ms
        await self._tools.ledger.adopt(self._name, standing, until_ms=until_ms, hold_ms=GAP_MS)
        return await self._tools.ledger.view(self._name)

    async def _cut_off(self, standing: Standing) -> BanView:
        """Let an issue-time cut-off take the place of every entry; who is hit dies here first."""
        ledger, faults = self._tools.ledger, self._tools.faults
        minting_ms = self._target.minting_ms
        cut_ms, at_ms = await ledger.cut(
            self._name,
            target_now_ms=standing.target_now_ms,
            ahead_ms=minting_ms + GAP_MS,
            hold_ms=GAP_MS,
        )
        faults.reach("ban.laid")
        ended, until_ms = await self._tools.collateral.end(self._name, at_ms, self._until_of)
        _log.warning("deny-list-cut-off", **self._words(), issued_before=cut_ms, collateral=ended)
        faults.reach("ban.swept")
        await ledger.swept(self._name, cut_ms, until_ms)
        return await ledger.view(self._name)

    def _words(self) -> dict[str, str]:
        return {"target": self._name.target, "at": self._name.at}


def _fail(promised: "asyncio.Future[bool]", error: Exception) -> None:
    promised.set_exception(error)
    promised.exception()  # perhaps nobody waits any more
