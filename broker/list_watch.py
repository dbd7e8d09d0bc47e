"""Shows how the lists are by which targets refuse what has ended. It asks the ledger, no target.

Whoever writes a list notes there how that went; every broker shows it: in ``/readyz``, in the
metrics, and in the log when it begins and when it is over.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from broker.errors import BrokerError, StoreUnavailableError
from broker.gate import Gate, Hindrance
from broker.list_worries import Worry, count, remedy, words, worries
from broker.metrics import Metrics
from broker.model.ban import ListName
from broker.model.ban_state import ListState
from broker.store.ban_ledger import BanLedger
from broker.targets.target import Target
from broker.targets.targets import Targets
from broker.ticker import Ticker

WATCHER: Final = "deny-lists"
"""The word under which it remarks: nobody is refused access for what it finds."""

_LOOK_MS: Final = 5_000

_log = structlog.get_logger(__name__)


class ListWatch:
    """Looks at the lists of every target of this broker."""

    def __init__(self, targets: Targets, ledger: BanLedger, gate: Gate, metrics: Metrics) -> None:
        self._targets = [each for each in targets.all if each.lists is not None]
        self._ledger = ledger
        self._gate = gate
        self._metrics = metrics
        self._alarmed: frozenset[ListName] = frozenset()

    def start(self, ticker: Ticker) -> None:
        """Begin to look."""
        if self._targets:
            ticker.every(_LOOK_MS, self.tick)

    async def tick(self) -> None:
        """Show how every list is."""
        try:
            states = await states_of(self._ledger, [each.name for each in self._targets])
        except StoreUnavailableError:
            return  # the store's watcher reports it
        except BrokerError as error:
            _log.warning("deny-lists-not-read", error=str(error))
            return
        remarks: list[Hindrance] = []
        for target in self._targets:
            remarks += self._show(target, [s for s in states if s.name.target == target.name])
        self._gate.remark(WATCHER, *remarks)
        self._tell(states)

    def _show(self, target: Target, states: Sequence[ListState]) -> list[Hindrance]:
        overdue_ms = target.bounds.overdue_ms
        oldest_s = max((each.unconfirmed_ms for each in states), default=0) / 1000
        rooms = [each.free / each.room for each in states if each.room and not each.is_idle]
        self._metrics.lists(target.name, count(states, overdue_ms), oldest_s, min(rooms, default=1))
        return [
            Hindrance(words(state, worry), remedy(state, worry))
            for state in states
            for worry in worries(state, overdue_ms)
        ]

    def _tell(self, states: Sequence[ListState]) -> None:
        """Raise the alarm of what is unconfirmed for too long, and say when that is over."""
        overdue = {each.name: each.bounds.overdue_ms for each in self._targets}
        bad = {
            state.name: state
            for state in states
            if Worry.UNCONFIRMED in worries(state, overdue[state.name.target])
        }
        for name in bad.keys() - self._alarmed:
            state = bad[name]
            late_s = state.unconfirmed_ms // 1000
            told = {"target": name.target, "at": name.at, "why": state.trouble}
            _log.error("deny-list-unconfirmed", **told, late_seconds=late_s)
        for name in self._alarmed - bad.keys():
            _log.info("deny-list-confirmed", target=name.target, at=name.at)
        self._alarmed = frozenset(bad)


async def states_of(ledger: BanLedger, targets: Sequence[str]) -> list[ListState]:
    """Return how every list of these targets is known to be, in order of their names.

    Raises:
        StoreUnavailableError: the ledger does not answer.
        UnreadableRecordError: a part is none of ours.
    """
    names = [each for each in await ledger.names() if each.target in targets]
    ordered = sorted(names, key=lambda each: (each.target, each.at))
    return list(await asyncio.gather(*(ledger.state(each) for each in ordered)))
