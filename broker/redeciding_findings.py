"""What ``broker doctor`` says of deciding again: how far it is behind, and who cannot take part."""

from collections.abc import Sequence
from typing import Final

from broker.findings import Line
from broker.redeciding_watch import LATE_S, REDECIDING
from broker.store.ledger import Ledger
from broker.store.redo_ledger import ToRedo
from broker.store.replicas import Replica

_NOBODY: Final = "start a broker: nothing is decided again, and nothing is given, until one runs"
_SLOW: Final = (
    "look for `redeciding-failed` in the logs, and whether a broker has the published revision; "
    "with very many alive, raise `reevaluation.busy_percent` or start more brokers"
)
_APART: Final = "look at its log and its way to the store; until then it gives nothing"
_SILENT: Final = "look whether it runs, and whether it reaches the store; if it is gone, let it be"


async def examine(ledger: Ledger, max_age_ms: int) -> list[Line]:
    """Look at what waits in every bucket, and at what each broker last said of itself.

    ``max_age_ms`` is how old confirmed facts may be.

    Raises:
        UnreadableRecordError: something of it is damaged.
        StoreUnavailableError: it cannot be read.
    """
    now_ms = max(await ledger.clock.servers())
    since = await ledger.redo.waiting_since()
    brokers = await ledger.replicas.all(now_ms)
    waiting = {bucket: at_ms for bucket, at_ms in enumerate(since) if at_ms}
    if not waiting:
        lines = [Line(REDECIDING, "ok", f"all of {len(since)} buckets have been decided again")]
    else:
        oldest = min(waiting, key=lambda bucket: waiting[bucket])
        waited_s = max(0, now_ms - waiting[oldest]) / 1000
        words = (
            f"{len(waiting)} of {len(since)} buckets wait, bucket {oldest:02d} for {waited_s:.0f} s"
        )
        lines = [late(f"{words}: {_behind(await ledger.redo.view(oldest))}", waited_s, brokers)]
    return [*lines, *out_of_touch(brokers, max_age_ms)]


def late(what: str, waited_s: float, brokers: Sequence[Replica]) -> Line:
    """Judge what waits: some seconds are well while somebody is there to do it."""
    if not any(each.is_living for each in brokers):
        return Line(REDECIDING, "fail", f"{what}; no broker is heard of", _NOBODY)
    if waited_s > LATE_S:
        return Line(REDECIDING, "fail", what, _SLOW)
    return Line(REDECIDING, "ok", what)


def out_of_touch(brokers: Sequence[Replica], max_age_ms: int) -> list[Line]:
    """Name the brokers that cannot reach the facts, and those that nobody hears."""
    found: list[Line] = []
    for each in brokers:
        name, age_ms = each.serving.name, each.serving.facts_age_ms
        if not each.is_living:
            what = f"broker {name} has said nothing for {each.silent_ms // 1000} s"
            found.append(Line(REDECIDING, "warn", what, _SILENT))
        elif age_ms is not None and not 0 <= age_ms <= max_age_ms:
            last = f"{age_ms // 1000} s ago" if age_ms >= 0 else "never"
            had = f"it has revision {each.serving.graph}, confirmed {last}"
            what = f"broker {name} cannot reach the facts: {had}"
            found.append(Line(REDECIDING, "fail", what, _APART))
    return found


def _behind(bucket: ToRedo) -> str:
    redone, floors = bucket.redone, bucket.floors
    return f"by bundle {redone.facts} of {floors.facts}, facts {redone.graph} of {floors.graph}"
