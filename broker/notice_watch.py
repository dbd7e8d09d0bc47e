"""Says which receivers are not told what happens. It closes nothing: telling is no condition."""

from collections.abc import Sequence
from typing import Final

from broker.errors import StoreUnavailableError
from broker.findings import Line
from broker.gate import Gate, Hindrance
from broker.notices.outcome import Receiver
from broker.store.notice_ledger import NoticeLedger, ReceiverState
from broker.terminal import shown

NOTICES: Final = "notices"

LATE_MS: Final = 30_000
"""For how long a receiver may fail before it is remarked."""

RECENT_MS: Final = 24 * 3_600_000
"""For how long it is remarked that something was given up."""

_REMEDY: Final = "bring it back, or mend `notify`; then `broker notify test`"


def worry(receiver: Receiver, state: ReceiverState) -> str:
    """Say what is wrong with a receiver; empty when nothing is."""
    if state.stopped == receiver.place:
        return f"{receiver.name} answered that it wants no more messages; {state.waiting} wait"
    if state.since_ms and state.now_ms - state.since_ms > LATE_MS:
        failing_s = (state.now_ms - state.since_ms) // 1000
        return f"{receiver.name} fails for {failing_s} s ({shown(state.why)}); {state.waiting} wait"
    if state.given_up_ms and state.now_ms - state.given_up_ms < RECENT_MS:
        return f"{receiver.name} was not told {state.given_up} messages, which were given up"
    return ""


class NoticeWatch:
    """Looks at every receiver."""

    def __init__(self, receivers: Sequence[Receiver], ledger: NoticeLedger, gate: Gate) -> None:
        self._receivers = receivers
        self._ledger = ledger
        self._gate = gate

    async def look(self) -> None:
        """Look, and remark."""
        try:
            states = [await self._ledger.look(each.name) for each in self._receivers]
        except StoreUnavailableError:
            return  # the store's watcher reports it
        pairs = zip(self._receivers, states, strict=True)
        worries = [found for each, state in pairs if (found := worry(each, state))]
        self._gate.remark(NOTICES, *(Hindrance(each, _REMEDY) for each in worries))


async def examine(receivers: Sequence[Receiver], ledger: NoticeLedger) -> list[Line]:
    """Look for `broker doctor`.

    Raises:
        StoreUnavailableError: nobody knows.
    """
    lines: list[Line] = []
    for each in receivers:
        state = await ledger.look(each.name)
        what = worry(each, state)
        well = f"{each.name}: {state.done} told, {state.waiting} wait"
        line = Line(NOTICES, "warn", what, _REMEDY) if what else Line(NOTICES, "ok", well)
        lines.append(line)
    return lines or [Line(NOTICES, "ok", "nobody is to be told of anything")]
