"""How what was found about policies looks in a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from broker.cli.screen import Document, cell, fields, rows, stacked
from broker.terminal import shown

CASE_COLUMNS = ("result", "case", "expected", "answer", "place")
POLICY_COLUMNS = ("policy", "effect", "fitted", "determined", "outcomes_seen")
TURNED_COLUMNS = ("id", "at", "agent", "capability", "was", "now", "policies", "missing")
COUNT_COLUMNS = ("name", "now_refused", "now_granted")
DIFFERENCE_COLUMNS = ("direction", "agent", "capability", "count")
LEVEL_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def trial(told: Document) -> RenderableType:
    """Show cases, what is wrong with some of them, and what all of them tried."""
    parts: list[RenderableType] = [
        rows([_placed(case) for case in told["cases"]], CASE_COLUMNS, empty="No case was given.")
    ]
    if lines := [line for case in told["cases"] for line in _why(case)]:
        parts.append(Group(*lines))
    if "coverage" in told:
        parts.append(_coverage(told["coverage"]))
    parts.append(Text(f"{told['passed']} passed, {told['failed']} failed"))
    return stacked(*parts)


def _placed(document: Document) -> Document:
    return {**document, "place": f"{document['file']}:{document['line']}"}


def _why(case: Document) -> Iterator[Text]:
    for why in case["why"]:
        place = f"{case['file']}:{case['line']}: {case['case']}: "
        yield Text(shown(place), style="red").append(shown(why))


def _coverage(found: Document) -> RenderableType:
    lines = [line for policy in found["policies"] for line in _unseen(policy)]
    total = f"{found['seen']} of {found['outcomes']} outcomes seen: {found['percent']} %"
    table = rows([_counted(policy) for policy in found["policies"]], POLICY_COLUMNS, empty="")
    parts: list[RenderableType] = [table, *([Group(*lines)] if lines else []), Text(total)]
    return stacked(*parts)


def _counted(policy: Document) -> Document:
    seen = (policy["determined"] > 0) + sum(
        (each["held"] > 0) + (each["failed"] > 0) for each in policy["conditions"]
    )
    return {**policy, "outcomes_seen": f"{seen} of {1 + 2 * len(policy['conditions'])}"}


def _unseen(policy: Document) -> Iterator[Text]:
    name = f"{policy['file']}:{policy['line']}: {policy['policy']}: "
    if not policy["fitted"]:
        yield _remark(name, "its scope fitted no case")
        return
    if not policy["determined"]:
        yield _remark(name, "determined no answer")
    for each in policy["conditions"]:
        for outcome, words in (("held", "never held"), ("failed", "always held")):
            if not each[outcome]:
                never = words if outcome == "held" or each["held"] else "never failed"
                yield _remark(name, f"{never}: {each['kind']} {each['text']}")


def _remark(place: str, words: str) -> Text:
    return Text(shown(place), style="yellow").append_text(cell(words))


def findings(told: Document) -> RenderableType:
    """Show what was found: where, of which policy and how bad, and below it what helps."""
    lines = [line for finding in told["findings"] for line in _finding(finding)]
    counts = ", ".join(f"{count} {level}s" for level, count in told["counts"].items())
    return stacked(*([Group(*lines)] if lines else []), Text(counts))


def _finding(finding: Document) -> Iterator[Text]:
    place = f"{finding['file']}:{finding['line']}" if finding["line"] else finding["file"]
    head = Text(shown(f"{place}: "))
    head.append(finding["level"], style=LEVEL_STYLES[finding["level"]])
    yield head.append(shown(f" [{finding['rule']}] {finding['policy']}: {finding['message']}"))
    yield Text(f"    {shown(finding['remedy'])}", style="dim")


def replay(told: Document) -> RenderableType:
    """Show whose answers would be others, and since when that was looked for."""
    covers, again = told["covers"], told["asked_again"]
    parts: list[RenderableType] = [
        rows(told["requests"], TURNED_COLUMNS, empty="Every answer would be the same.")
    ]
    counted = [told[section] for section in ("agents", "capabilities") if told[section]]
    parts += [rows(each, COUNT_COLUMNS, empty="") for each in counted]
    if not told["is_all_shown"]:
        parts.append(Text("there are more: they are counted, not shown", style="dim"))
    granted = f"{again['granted']} granted since {covers['granted_since']} asked again"
    refused = f"{again['refused']} refused since {covers['refused_since']} asked again"
    lines = (
        f"{granted}: {told['now_refused']} would be refused",
        f"{refused}: {told['now_granted']} would be granted",
    )
    return stacked(*parts, Group(*map(Text, lines)))


def shadow(told: Document) -> RenderableType:
    """Show what a candidate would have decided otherwise, and how much it saw."""
    names = ("is_running", "digest", "by", "reason", "started_at", "stopped_at")
    return stacked(
        fields(told, names),
        rows(told["differences"], DIFFERENCE_COLUMNS, empty="No answer would have been another."),
        fields(told["outcomes"], tuple(told["outcomes"])),
    )
