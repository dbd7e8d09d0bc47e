"""The one place that knows the scanner library: Kingfisher, with its rules and ours.

Its matching takes time linear in the text (Vectorscan, then Rust's regular expressions), whatever
the text. It never uses the network here: nothing that was found is tried out.
"""

import importlib
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from pathlib import PurePosixPath
from typing import Any, Final, Protocol

from broker.errors import ConfigurationError
from broker.scanning.match import Match
from broker.secret import Secret

OUR_RULES: Final = files("broker.scanning") / "data" / "rules.yaml"
OURS: Final = "jit."
"""What the ids of our own rules begin with."""

HOW_TO_INSTALL: Final = "the scanner library is not installed: pip install 'jit-broker[scan]'"

PATIENCE_S: Final = 60.0
"""How long one piece of text may take; an honest one takes milliseconds."""

_LEFT_TO_OURS: Final = frozenset(
    {
        *("betterleaks.generic-credential-uri", "betterleaks.private-key"),
        *("betterleaks.curl-auth-user", "betterleaks.curl-auth-header"),
    }
)
"""Rules of the library for what ours see, too: theirs look away in some folders, or take templates
for secrets."""

_FORMS: Final = ("VALUE", "QUOTED", "SINGLE", "PARTS")
_WORDS: Final = {
    "SCHEME": "scheme",
    "HOST": "host",
    "PORT": "port",
    "DATABASE": "database",
    "USER": "user",
    "SSL": "sslmode",
}
_STRINGS: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'")


class Engine(Protocol):
    """Finds what looks like a secret."""

    def matches(self, text: bytes, path: str) -> list[Match]:
        """Return every match in a text; the last part of ``path`` may matter to a rule.

        Raises:
            TimeoutError: it takes too long.
        """
        ...


@cache
def open_engine() -> "KingfisherEngine":
    """Load the library and compile the rules, once for a process.

    It takes seconds the first time on a machine, and half a second later: the library keeps what it
    compiled in the user's cache folder (``KF_RULE_CACHE_DIR``).

    Raises:
        ConfigurationError: the library is not installed.
    """
    try:
        library = importlib.import_module("kingfisher_sdk")
    except ImportError as error:
        raise ConfigurationError(HOW_TO_INSTALL) from error
    with as_file(OUR_RULES) as ours:
        rules = library.Rules([ours])
    return KingfisherEngine(library, rules)


class KingfisherEngine:
    """Kingfisher in this process."""

    def __init__(self, library: Any, rules: Any) -> None:  # noqa: ANN401 - loaded by name: an extra
        # Comments in a text that ask to be ignored are not obeyed: whoever leaks could write them.
        policy = library.DetectionPolicy(inline_ignores=False, markup_context=False)
        self._input = library.ScanInput
        self._scanner = library.Scanner(rules, policy=policy)
        self.rule_names = {rule["id"]: str(rule["name"]) for rule in rules.metadata()}

    def matches(self, text: bytes, path: str) -> list[Match]:
        """Return every match in a text.

        Raises:
            TimeoutError: the text was made to take long.
        """
        # Only the last part: whole paths make some rules of the library look away (tests, docs).
        name = os.fsencode(PurePosixPath(path).name or "text").decode("utf-8", "replace")
        source = self._input(path=name, data=text)
        found = self._scanner.scan_input(source, timeout=PATIENCE_S)
        shown = [each for each in found if each.visible]
        return sorted(_matches(shown, text), key=lambda match: (match.start, match.rule))


def _matches(found: list[Any], text: bytes) -> Iterator[Match]:
    for each in found:
        if each.rule_id.startswith(OURS):
            yield _of_ours(each, text)
        elif each.rule_id not in _LEFT_TO_OURS and each.confidence != "low":
            location = each.location
            yield Match(
                each.rule_id, location["line"], location["start_offset"], Secret(each.secret)
            )


def _of_ours(found: Any, text: bytes) -> Match:  # noqa: ANN401 - the library's finding
    captures, location = found.captures, found.location
    form = next(form for form in _FORMS if form in captures)
    begin, name = location["start_offset"], captures.get("NAME", "")
    raw = captures[form].encode("utf-8", "surrogateescape")
    start = max(text.find(raw, begin), begin)
    return Match(
        rule=found.rule_id,
        line=location["line"] + text.count(b"\n", begin, start),
        start=start,
        secret=Secret(_joined(captures[form]) if form == "PARTS" else captures[form]),
        name=name,
        is_quoted=form != "VALUE",
        words={ours: captures[theirs] for theirs, ours in _WORDS.items() if captures.get(theirs)},
        named_at=text.find(name.encode("utf-8", "surrogateescape"), begin) if name else -1,
        written=len(raw),
    )


def _joined(parts: str) -> str:
    """Return what several strings are together."""
    return "".join(one or other for one, other in _STRINGS.findall(parts))
