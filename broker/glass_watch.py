"""Shows which emergencies are open, and which nobody has looked at in time. It closes nothing."""

from prometheus_client import CollectorRegistry, Gauge

from broker.clock import rfc3339
from broker.errors import StoreUnavailableError
from broker.findings import Line
from broker.gate import Gate, Hindrance
from broker.model.break_glass import Glass
from broker.store.glass_ledger import GlassLedger

BREAK_GLASS = "break-glass"

_END = "`broker break-glass end` ends it before"
_REVIEW = "somebody who had no part in it: `broker break-glass review`"


class GlassWatch:
    """Looks, remarks and counts."""

    def __init__(self, glass: GlassLedger, gate: Gate, registry: CollectorRegistry) -> None:
        self._glass = glass
        self._gate = gate
        states = ("state",)
        text = "Emergencies that are open, that opened without an alarm, or that wait for a review."
        self._count = Gauge("jit_break_glass", text, states, registry=registry)

    async def look(self) -> None:
        """Look at all that nobody has answered for: what is open is among them."""
        try:
            owed = await self._glass.owed()
        except StoreUnavailableError:
            return  # the store's watcher reports it
        for state, found in _by_state(owed).items():
            self._count.labels(state).set(len(found))
        self._gate.remark(BREAK_GLASS, *(Hindrance(*words) for words in _remarks(owed)))


async def examine(glass: GlassLedger) -> list[Line]:
    """Look for `broker doctor`.

    Raises:
        StoreUnavailableError: nobody knows.
    """
    owed = await glass.owed()
    lines = [Line(BREAK_GLASS, "warn", what, remedy) for what, remedy in _remarks(owed)]
    return lines or [Line(BREAK_GLASS, "ok", f"none is open, {len(owed)} wait for a review")]


def _by_state(owed: list[Glass]) -> dict[str, list[Glass]]:
    return {
        "open": [each for each in owed if each.is_open],
        "unalarmed": [each for each in owed if not each.alarm],
        "unreviewed": owed,
        "overdue": [each for each in owed if each.is_overdue],
    }


def _remarks(owed: list[Glass]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in owed:
        spec = each.spec
        unheard = "" if each.alarm else ", and nobody was told before"
        if each.is_open:
            until = rfc3339(each.ends_ms)
            what = f"{spec.id} is open for {spec.agent} until {until}{unheard}"
            found.append((what, _END))
        elif each.is_overdue:
            due = rfc3339(each.due_ms)
            found.append((f"{spec.id} was to be looked at by {due}{unheard}", _REVIEW))
    return found
