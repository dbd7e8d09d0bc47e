"""What the last comparisons of ledger and targets say to whoever examines an installation."""

from collections.abc import Mapping, Sequence
from typing import Final

from broker.findings import Line
from broker.model.comparison import Differs
from broker.reconcile_watch import remarks_on
from broker.store.reconciliations import Kept
from broker.targets.settings import Declared

CHECK: Final = "targets"

_LATE: Final = 3
"""Periods without a comparison after which something keeps brokers from making it."""


def examine(declared: Sequence[Declared], kept: Mapping[str, Kept], now_ms: int) -> list[Line]:
    """Say of each target how it differed from the ledger. ``now_ms`` is by the ledger's clock."""
    lines = [line for each in declared for line in _of(each, kept, now_ms)]
    return lines or [Line(CHECK, "ok", "there are none")]


def _of(declared: Declared, kept: Mapping[str, Kept], now_ms: int) -> list[Line]:
    name, every_s = declared.record.name, declared.record.reconcile_seconds
    last = kept.get(name, Kept())
    look = f"look at it with `broker reconcile {name}`"
    lines = [_differing(name, last, look)]
    if last.trouble:
        what = f"{name} could not be compared with the ledger: {last.trouble}"
        lines.append(Line(CHECK, "warn", what, look))
    elif every_s and last.outcome is not None and _is_late(last.at_ms, now_ms, every_s):
        what = f"{name} was not compared with the ledger for {(now_ms - last.at_ms) // 1000} s"
        lines.append(Line(CHECK, "warn", what, f"see that a broker runs; {look}"))
    return lines


def _differing(name: str, last: Kept, look: str) -> Line:
    if last.outcome is None:
        return Line(CHECK, "ok", f"{name} was not compared with the ledger yet")
    remarks = remarks_on(name, last.outcome)
    if not remarks:
        return Line(CHECK, "ok", f"{name} has what the ledger says")
    is_broken = last.outcome.found.get(Differs.UNDEAD, 0) > 0
    what = "; ".join(each.what for each in remarks)
    return Line(CHECK, "fail" if is_broken else "warn", what, look)


def _is_late(at_ms: int, now_ms: int, every_s: int) -> bool:
    return now_ms - at_ms > _LATE * every_s * 1000
