"""Nothing that is printed holds a secret: neither one that was found, nor one that looks like it.

A file may be called like a token, a commit's author may be one, a name may reach into the secret
beside it. So every text that a report will show is looked through, too, and what is a secret in it
is shown as ``…``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from broker.scanning.coverage import Coverage, Trouble
from broker.scanning.engine import Engine
from broker.scanning.finding import Finding
from broker.scanning.judging import judged
from broker.scanning.surfaces import Strength, Surface

VEIL: Final = "…"

SHORTEST: Final = 8
"""Shorter secrets are words, too, which stand in names for their own reasons: to take `shop` out of
every path would say what the password is."""

_SHOWN: Final = Surface("report", Strength.SILENT)
"""Of what is only text in a report, known forms count."""


class Veil:
    """Takes secrets out of texts."""

    def __init__(self, engine: Engine, secrets: Iterable[str]) -> None:
        self._engine = engine
        self._by_begin: Mapping[str, set[str]] = _by_begin(secrets)

    def over(self, text: str) -> str:
        """Return a text in which every secret is ``…``."""
        spans = [*self._known(text), *self._seen(text)]
        for start, end in sorted(_merged(spans), reverse=True):
            text = f"{text[:start]}{VEIL}{text[end:]}"
        return text

    def _known(self, text: str) -> Iterator[tuple[int, int]]:
        for start in range(len(text) - SHORTEST + 1):
            for secret in self._by_begin.get(text[start : start + SHORTEST], ()):
                if text.startswith(secret, start):
                    yield start, start + len(secret)

    def _seen(self, text: str) -> Iterator[tuple[int, int]]:
        if len(text) < SHORTEST:
            return
        raw = text.encode("utf-8", "surrogateescape")
        try:
            matches = judged(self._engine.matches(raw, "text"), _SHOWN, raw)
        except (TimeoutError, RuntimeError, ValueError):  # what nobody has looked through is hidden
            yield 0, len(text)
            return
        for match in matches:
            yield _length(raw[: match.start]), _length(raw[: match.end])


def veiled(findings: Iterable[Finding], coverage: Coverage, engine: Engine) -> list[Finding]:
    """Return findings whose texts may all be shown; those of the coverage are veiled in place."""
    found = list(findings)
    veil = Veil(engine, (each.secret.reveal() for each in found))
    known: dict[str, str] = {}

    def over(text: str) -> str:
        if text not in known:
            known[text] = veil.over(text)
        return known[text]

    coverage.troubles[:] = [Trouble(over(each.place), over(each.why)) for each in coverage.troubles]
    return [
        replace(
            each,
            path=over(each.path),
            name=over(each.name),
            words={name: over(value) for name, value in each.words.items()},
            origin=replace(each.origin, owner=over(each.origin.owner)),
        )
        for each in found
    ]


def _by_begin(secrets: Iterable[str]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for secret in secrets:
        if len(secret) >= SHORTEST:
            found[secret[:SHORTEST]].add(secret)
    return dict(found)


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans that do not overlap, over the same places."""
    begin = end = -1
    for start, stop in sorted(spans):
        if start > end:
            if end > begin:
                yield begin, end
            begin, end = start, stop
        else:
            end = max(end, stop)
    if end > begin:
        yield begin, end


def _length(raw: bytes) -> int:
    return len(raw.decode("utf-8", "surrogateescape"))
