"""What `broker reconcile` says: as a document for programs, and how it looks in a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, rows, stacked
from broker.clock import rfc3339
from broker.comparing import Incomparable
from broker.model.comparison import Comparison, Difference
from broker.reconciling import Ended

TARGET_COLUMNS = ("target", "kind", "seen", "known", "foreign", "elsewhere", "trouble")
DIFFERENCE_COLUMNS = ("target", "differs", "credential", "locator", "epoch", "made_at", "outcome")


def document(
    epoch: str,
    digest: str,
    results: Sequence[Comparison | Incomparable],
    ended: Sequence[Ended],
) -> Document:
    """Describe a comparison of all targets, and what was ended."""
    outcomes = {(each.target, each.difference): each for each in ended}
    return {
        "epoch": epoch,
        "digest": digest,
        "condemned": sum(len(each.condemned) for each in results if isinstance(each, Comparison)),
        "targets": [_target(each) for each in results],
        "differences": [
            _difference(each.target, one, outcomes.get((each.target, one)))
            for each in results
            if isinstance(each, Comparison)
            for one in each.differences
        ],
    }


def compared(told: Document) -> RenderableType:
    """Show it."""
    targets = [{**each, "foreign": sum(each["foreign"].values())} for each in told["targets"]]
    return stacked(
        rows(targets, TARGET_COLUMNS, empty="There are no targets."),
        rows(told["differences"], DIFFERENCE_COLUMNS, empty="Nothing differs."),
        *_hints(told),
    )


def _hints(told: Document) -> Iterator[Text]:
    for each in told["targets"]:
        for epoch, count in each["foreign"].items():
            yield Text(f"{each['target']}: {count} of the ledger of epoch {epoch}", style="dim")
    waits = [each for each in told["differences"] if each["condemned"] and not each["outcome"]]
    if waits:
        hint = Text(f"to end these {len(waits)}:  ", style="dim")
        yield hint.append(f"--kill {told['digest']} --reason …", style="bold")


def _target(result: Comparison | Incomparable) -> dict[str, object]:
    if isinstance(result, Incomparable):
        trouble = ": ".join(filter(None, (result.trouble, result.message)))
        told: dict[str, object] = {"target": result.target, "kind": result.kind, "identity": ""}
        counts = dict.fromkeys(("seen", "known", "elsewhere"), 0)
        return {**told, **counts, "foreign": {}, "trouble": trouble}
    return {
        "target": result.target,
        "kind": result.kind,
        "identity": result.identity,
        "seen": result.seen,
        "known": result.known,
        "elsewhere": result.elsewhere,
        "foreign": dict(result.foreign),
        "trouble": "",
    }


def _difference(target: str, one: Difference, ended: Ended | None) -> dict[str, object]:
    outcome = "" if ended is None else f"{ended.state} {ended.why}".rstrip()
    return {
        "target": target,
        "differs": one.kind.value,
        "credential": one.lease,
        "locator": one.locator,
        "epoch": one.epoch,
        "made_at": None if one.made_at_ms is None else rfc3339(one.made_at_ms),
        "condemned": one.is_condemned,
        "outcome": outcome,
    }
