"""A review as one page for people: no scripts, nothing fetched, and plots drawn as SVG.

Whatever agents and people have written is escaped, and shown with what cannot be seen made visible;
the page's own policy lets nothing run or load all the same.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)

_STYLE: Final = """\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:0}code,td{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}
th{font-weight:600;color:#57606a;white-space:nowrap}
section{border:1px solid #d0d7de;border-radius:8px;padding:1rem;margin:1rem 0}
.bad{background:#ffebe9;border:2px solid #cf222e;padding:.8rem;border-radius:8px;font-weight:600}
.tag{border-radius:1rem;padding:.1rem .6rem;background:#eaeef2;font-size:.85rem}
.narrow{background:#fff8c5}.revoke{background:#ffebe9}.keep{background:#dafbe1}
svg{display:block;max-width:100%}text{font:12px system-ui,sans-serif}
@media print{section{break-inside:avoid}}"""

_BAR: Final = 260
_ROW: Final = 20
_LABEL: Final = 330
_MOST_BARS: Final = 60
_COLOURS: Final = {
    "used": "#1a7f37",
    "unused": "#cf222e",
    "unknown": "#9a6700",
    "denied": "#6e7781",
}
_WORDS: Final = {
    "used": "seen in use",
    "unused": "granted, never seen in use",
    "unknown": "granted, use is not known",
    "denied": "denied",
}


def html_of(whole: Mapping[str, Any], now: str) -> str:
    """Write a whole review as a page."""
    review, agents = whole["review"], whole["agents"]
    title = f"Review of {text(review['owner'])}, {text(review['tenant'])}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        *_head(review, now),
        *_overview(agents),
        *(part for each in agents for part in _agent(each)),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def text(value: object) -> str:
    """Escape a value; what cannot be seen, or turns the writing direction, is shown by number."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(value))
    return html.escape(shown, quote=True)


def _head(review: Mapping[str, Any], now: str) -> Iterator[str]:
    header = review["header"]
    evidence = header["evidence"]
    if not evidence["verified"]:
        yield '<p class="bad">The evidence is not verified: a trail was changed, or lacks a part.'
        yield f"<br>{'<br>'.join(map(text, evidence['faults']))}</p>"
    if not header["registered"]:
        yield '<p class="bad">Nobody registered owns these agents: an operator has to answer.</p>'
    rows = [
        ("review", review["id"]),
        ("packet (SHA-256)", review["packet"]),
        ("state", f"{review['state']}: {review['answered']} of {review['agents']} answered"),
        ("due", header["due"]),
        ("started", f"{review['started_at']} by {header['by']}: {header['reason']}"),
        ("evidence", f"{evidence['records']} records of {', '.join(evidence['files'])}"),
        ("period", f"{header['since']} to {header['until']}"),
        ("as of", f"bundle {header['bundle']}, facts {header['facts']}; page made {now}"),
    ]
    yield _table(rows)
    yield (
        "<p>Use is seen where a resource server asks the broker about each token. Where one reads "
        "the feed, checks offline, or a credential lives at a target, whether it was used is "
        "<b>not known</b>.</p>"
    )


def _overview(agents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    counts = [(each["entry"]["agent"], each["entry"]["usage"]["credentials"]) for each in agents]
    counts.sort(key=lambda pair: (-pair[1], pair[0]))
    if counts:
        bars = [(name, count, "#0969da", "") for name, count in counts]
        yield "<h2>Credentials granted, by agent</h2>"
        yield _plot(bars, "credentials granted, by agent")


def _agent(each: Mapping[str, Any]) -> Iterator[str]:
    entry, answer, effect = each["entry"], each["answer"], each["effect"]
    usage, suggestion = entry["usage"], entry["suggestion"]
    yield f"<section><h2>{text(entry['agent'])} {_tag(suggestion['verdict'], 'suggested: ')}</h2>"
    held = ", held" if entry["held"] else ""
    refused = (
        f"; gets nothing now: {entry['rights']['refused']}" if entry["rights"]["refused"] else ""
    )
    rows = [
        ("purpose", entry["purpose"]),
        ("status", f"{entry['status']}{held}{refused}"),
        ("declared by", entry["source"] or "hand"),
        ("in order until", entry["review_by"] or "for ever"),
        ("ceiling", entry["ceiling"] or "none"),
        ("tasks", f"{usage['tasks']}, of which handed on to it {usage['children']}"),
        ("handed on", usage["handed_on"]),
        ("on behalf of", _counts(usage["behalf"]) or "nobody"),
        ("renewed", usage["renewed"]),
        ("emergencies", usage["break_glass"]),
        ("findings", _counts(usage["findings"]) or "none"),
        ("last granted, used", f"{usage['last_granted'] or '-'}, {usage['last_used'] or '-'}"),
        ("said to be used", _said(usage)),
        ("its proxy refused, it says", _counts(usage.get("said_refused", {})) or "nothing"),
        ("could, after a yes", entry["rights"]["after_approval"] or "nothing"),
        ("could, and never was", entry["never"] or "nothing"),
        ("would be left", suggestion["ceiling"] or "as it is"),
    ]
    yield _plot(list(_bars(entry)), f"what {entry['agent']} was granted and used")
    yield _table(rows)
    if answer is not None:
        yield from _answered(answer, effect)
    yield "</section>"


def _said(usage: Mapping[str, Any]) -> str:
    """Say what the agent's own side says, so that nobody takes it for more."""
    counts = usage.get("said", {})
    if not counts:
        return "nothing was said: that is no sign that there was no use"
    return f"{_counts(counts)} (by its own side, last {usage.get('last_said') or '-'})"


def _answered(answer: Mapping[str, Any], effect: Mapping[str, Any] | None) -> Iterator[str]:
    came = "under way" if effect is None else f"{effect['state']}: {effect['told']}"
    yield f"<p>{_tag(answer['verdict'], '')}</p>"
    yield _table(
        [
            ("by", f"{answer['by']}, {answer['at']}"),
            ("evidence", f"{answer['issuer']} {answer['subject']} {answer['evidence']}"),
            ("why", answer["reason"]),
            ("left", answer["ceiling"] or "-"),
            ("what came of it", came),
            ("agents.yaml has to say", (effect or {}).get("to_do") or "nothing"),
        ]
    )


_Bar = tuple[str, int, str, str]


def _bars(entry: Mapping[str, Any]) -> Iterator[_Bar]:
    usage = entry["usage"]
    unused, unknown = set(entry["unused"]), set(entry["unknown"])
    for line, count in sorted(usage["granted"].items()):
        kind = "unused" if line in unused else "unknown" if line in unknown else "used"
        seen = f", {usage['used'].get(line, 0)} seen in use" if kind == "used" else ""
        said = usage.get("said", {}).get(line, 0)
        claim = f"; used {said} times, its own side says" if said else ""
        yield line, count, _COLOURS[kind], f"{_WORDS[kind]}{seen}{claim}"
    for line, count in sorted(usage["denied"].items()):
        yield line, count, _COLOURS["denied"], _WORDS["denied"]


def _plot(bars: Sequence[_Bar], title: str) -> str:
    """Draw bars beside their names, the longest as long as there is room."""
    if not bars:
        return "<p>Nothing was asked for.</p>"
    shown = bars[:_MOST_BARS]
    most = max(count for _, count, _, _ in shown) or 1
    height = _ROW * len(shown)
    width = _LABEL + _BAR + 260
    rows = [_bar(number, each, most) for number, each in enumerate(shown)]
    more = f"<p>and {len(bars) - len(shown)} more</p>" if len(bars) > len(shown) else ""
    label = f'role="img" aria-label="{text(title)}"'
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" {label}>{"".join(rows)}</svg>{more}'
    )


def _bar(number: int, bar: _Bar, most: int) -> str:
    name, count, colour, said = bar
    top, length = number * _ROW, max(1, round(_BAR * count / most)) if count else 0
    short = name if len(name) <= 46 else f"{name[:45]}…"  # noqa: PLR2004 - what fits
    return (
        f'<text x="0" y="{top + 14}">{text(short)}<title>{text(name)}</title></text>'
        f'<rect x="{_LABEL}" y="{top + 3}" width="{length}" height="13" fill="{colour}"/>'
        f'<text x="{_LABEL + length + 6}" y="{top + 14}">{count} {text(said)}</text>'
    )


def _table(rows: Sequence[tuple[str, object]]) -> str:
    cells = (f"<tr><th>{text(name)}</th><td>{_value(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return "<br>".join(f"<code>{text(each)}</code>" for each in value)
    return text(value)


def _tag(verdict: str, before: str) -> str:
    known = verdict if verdict in {"keep", "narrow", "revoke"} else "keep"
    return f'<span class="tag {known}">{before}{text(verdict)}</span>'


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
