"""What `broker reconcile` says: as a document for programs, and how it looks in a terminal."""

from collections.abc import Collection, Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from broker.cli.screen import Document, rows, stacked
from broker.clock import rfc3339
from broker.comparing import Incomparable
from broker.comparing_lists import ListComparison
from broker.model.ban import ListName
from broker.model.comparison import Comparison, Difference
from broker.reconciling import Ended

TARGET_COLUMNS = ("target", "kind", "seen", "known", "foreign", "elsewhere", "trouble")
DIFFERENCE_COLUMNS = ("target", "differs", "credential", "locator", "epoch", "made_at", "outcome")
ENTRY_COLUMNS = ("target", "list", "differs", "entry")
LIST_COLUMNS = (
    "target",
    "list",
    "document",
    "edited",
    "standing",
    "wanted",
    "missing",
    "left_over",
    "free",
    "room",
    "trouble",
    "outcome",
)


def document(
    epoch: str,
    digest: str,
    results: Sequence[Comparison | Incomparable],
    ended: Sequence[Ended],
    lists: Sequence[ListComparison] = (),
    *,
    mended: Collection[ListName] = (),
) -> Document:
    """Describe a comparison of all targets, what was ended, and the lists of whom they refuse."""
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
        "lists": [_list(each, is_meant=each.name in mended) for each in lists],
    }


def compared(told: Document) -> RenderableType:
    """Show it."""
    targets = [{**each, "foreign": sum(each["foreign"].values())} for each in told["targets"]]
    return stacked(
        rows(targets, TARGET_COLUMNS, empty="There are no targets."),
        rows(told["differences"], DIFFERENCE_COLUMNS, empty="Nothing differs."),
        *_listed(told["lists"]),
        *_hints(told),
    )


def _listed(lists: Sequence[Document]) -> Iterator[RenderableType]:
    """Show lists, where there are any; and by name what is missing or left over."""
    if not lists:
        return
    counted = [
        {
            **each,
            "edited": "yes" if each["edited"] else "no",
            "missing": len(each["missing"]),
            "left_over": len(each["left_over"]),
        }
        for each in lists
    ]
    yield rows(counted, LIST_COLUMNS, empty="")
    named = [
        {"target": each["target"], "list": each["list"], "entry": entry, "differs": differs}
        for each in lists
        for differs in ("missing", "left_over")
        for entry in each[differs]
    ]
    yield rows(named, ENTRY_COLUMNS, empty="No entry is missing or left over in what was read.")


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


def _list(one: ListComparison, *, is_meant: bool) -> dict[str, object]:
    outcome = "mended" if one.is_well else "waits"
    return {
        "target": one.name.target,
        "list": one.name.at,
        "identity": one.name.identity,
        "document": one.document.value,
        "edited": one.is_edited,
        "standing": one.standing,
        "wanted": one.wanted,
        "missing": sorted(one.missing),
        "left_over": sorted(one.left_over),
        "room": one.room,
        "free": one.free,
        "trouble": one.trouble,
        "outcome": outcome if is_meant else "",
    }
