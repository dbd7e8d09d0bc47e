"""Follows the feed log and holds what agents do against their own past.

- One broker has the turn; each page of the log, what was learnt from it and what was found is one
  step in the ledger: no event counts twice and none is lost, whoever dies, restarts or is replaced.
- It only ever takes away, and stands in nobody's way: a watcher that fails is told, and everything
  else goes on. It holds nothing of the log back: what the log has dropped by then is not looked at.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from broker.audit.fields import allowed
from broker.behaviour.detecting import Finding, observe
from broker.behaviour.past import Past
from broker.behaviour.rules import Rules
from broker.behaviour.sighting import Sighting, Where, sighting_of
from broker.clock import Clock
from broker.errors import BrokerError, StoreUnavailableError, UnreadableRecordError
from broker.faultpoints import FaultPoints
from broker.model.behaviour import Kept, decode, encode
from broker.store.feed_entry import LogEntry
from broker.store.feed_log import FeedLog, Position
from broker.store.watch_ledger import Row, WatchLedger

LASTS_MS: Final = 5_000
"""How long a watcher that died keeps the others from watching."""

BLOCK_MS: Final = 1_000
REST_S: Final = 0.5
AHEAD_MS: Final = 5_000
"""No event counts as later than this broker's clock by more."""

LOGGER: Final = logging.getLogger(__name__)


class Acts(Protocol):
    """Does what a finding leads to: :class:`broker.behaviour_acts.Acts`."""

    async def act(self, finding: Finding) -> tuple[str, ...]:
        """Do it; return what was done. A repeat has no second effect."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to ``seq`` of ``epoch`` was looked at; ``mark`` names that entry."""

    seq: int
    epoch: str
    mark: str = ""

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Read one; None where nothing was looked at yet, or it is none of ours."""
        seq, _, rest = text.partition(" ")
        epoch, _, mark = rest.partition(" ")
        return cls(int(seq), epoch, mark) if seq.isdigit() and epoch else None

    def __str__(self) -> str:
        return f"{self.seq} {self.epoch} {self.mark}"


class BehaviourWatch:
    """Watches, for as long as a broker runs."""

    def __init__(
        self,
        process: str,
        log: FeedLog,
        ledger: WatchLedger,
        *,
        rules: Callable[[str], Rules],
        acts: Acts,
        clock: Clock,
        faults: FaultPoints,
    ) -> None:
        self._process = process
        self._log = log
        self._ledger = ledger
        self._rules = rules
        self._acts = acts
        self._clock = clock
        self._faults = faults

    async def run(self) -> None:
        """Watch until cancelled, whatever comes."""
        while True:
            try:
                is_ours = await self.step(block_ms=BLOCK_MS)
            except StoreUnavailableError as error:
                LOGGER.warning("watching behaviour waits for the store: %s", error)
                is_ours = False
            except Exception:
                # Whatever is wrong with one page, brokers go on; it is looked at again.
                LOGGER.exception("watching behaviour failed")
                is_ours = False
            if not is_ours:
                await asyncio.sleep(REST_S)

    async def step(self, *, block_ms: int) -> bool:
        """Look at a page of what is new; False while another broker watches.

        Raises:
            StoreUnavailableError: nobody knows how far it came; call it again.
        """
        stood = await self._ledger.take(self._process, LASTS_MS)
        if stood is None:
            return False
        await self._do()
        place = await self._confirmed(Place.parse(stood))
        entries = await self._log.tail(place.seq, block_ms=block_ms)
        if entries:
            await self._watch(stood, place, entries)
            await self._do()
        return True

    async def _watch(self, stood: str, place: Place, entries: Sequence[LogEntry]) -> None:
        if (lost := entries[0].seq - place.seq - 1) > 0 and place.seq:
            LOGGER.error("%d entries of the feed log were gone before they were looked at", lost)
        seen = [sighting for entry in entries if (sighting := self._sighting(entry))]
        names = list(dict.fromkeys(_who(sighting) for sighting in seen))
        texts = await self._ledger.pasts(names)
        pasts = {name: _past(name, text) for name, text in zip(names, texts, strict=True)}
        rows = [
            Row(finding.id, finding.at_ms, encode(Kept(finding)))
            for sighting in seen
            for finding in observe(
                pasts[_who(sighting)], sighting, self._rules(sighting.tenant), place.epoch
            )
        ]
        now = Place(entries[-1].seq, place.epoch, _mark(entries[-1]))
        learnt = {name: msgspec.json.encode(past).decode() for name, past in pasts.items()}
        await self._ledger.note(self._process, stood, str(now), learnt, rows)
        if rows:
            self._faults.reach("watch.noted")

    def _sighting(self, entry: LogEntry) -> Sighting | None:
        change = entry.change
        try:
            detail = msgspec.json.decode(change.detail, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None
        members, _ = allowed(change.type, detail)
        at_ms = min(change.at_ms, self._clock.now_ms() + AHEAD_MS)
        where = Where(change.bucket, change.n, entry.seq, at_ms, change.tenant)
        return sighting_of(change.type, where, members)

    async def _confirmed(self, place: Place | None) -> Place:
        """Return where to go on: from the log's beginning where that is not known.

        What was taken in before is known by its place in its bucket, and counts once all the same.
        """
        position = await self._log.position()
        if place is None:
            return _beginning(position)
        if place.epoch == position.epoch:
            return place if place.seq <= position.seq else _beginning(position)
        last = await self._log.entry(place.seq)
        if last is not None and _mark(last) == place.mark:
            return Place(place.seq, position.epoch, place.mark)
        return _beginning(position)

    async def _do(self) -> None:
        """Do what findings lead to; what cannot be done now stays, and keeps no other from it."""
        for row in await self._ledger.todo():
            try:
                kept = decode(row.text)
                did = await self._acts.act(kept.finding)
            except UnreadableRecordError:
                LOGGER.warning("a finding, or what it names, cannot be read: %s", row.id)
                await self._ledger.replace(row.id, row.text, row.text)
                continue
            except BrokerError as error:
                LOGGER.warning("a finding cannot be acted on yet: %s: %s", row.id, error.code)
                continue
            done = msgspec.structs.replace(kept, did=did, done_ms=self._clock.now_ms())
            await self._ledger.replace(row.id, row.text, encode(done))
            self._faults.reach("watch.done")


def _beginning(position: Position) -> Place:
    return Place(max(0, position.first - 1), position.epoch)


def _who(sighting: Sighting) -> str:
    return f"{sighting.tenant}/{sighting.agent}"


def _past(name: str, text: str | None) -> Past:
    try:
        return msgspec.json.decode(text, type=Past) if text else Past()
    except msgspec.MsgspecError:
        LOGGER.warning("what was remembered of %r cannot be read: it is learnt anew", name)
        return Past()


def _mark(entry: LogEntry) -> str:
    return f"{entry.change.bucket}:{entry.change.n}:{entry.change.op}"
