"""What a found secret is called, what takes its place, and how it is rotated: `kinds.toml`."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from broker.scanning.match import Match

_DATA: Final = files("broker.scanning") / "data" / "kinds.toml"
_PARTS: Final = re.compile(r"k8s|_auth(?:token)?(?![a-z])|[a-z]+")
_BY_NAME: Final = "jit."
"""Rules of ours tell little by themselves: the name or address beside the value says more."""

_GENERAL: Final = frozenset({"http-login", "password", "service-key"})
"""Kinds that say little: the host beside the secret says more."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret. ``backends`` are the broker's kinds that can stand in, best first."""

    name: str
    title: str
    rotate: str
    rules: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    engine: str = ""
    """Of Vault or OpenBao, which makes such a login for each lease; empty where none does."""
    instead: str = ""
    """What helps where no capability stands in, or what the one that does needs."""

    def preview(self, secret: str) -> str:
        """Return what may be shown of a secret: the public prefix of its kind, or nothing."""
        public = [prefix for prefix in self.prefixes if secret.startswith(prefix)]
        return f"{max(public, key=len)}…" if public else ""


@lru_cache(maxsize=1)
def kinds() -> tuple[Kind, ...]:
    """Return every kind, in the order in which they are tried."""
    return tuple(_kind(entry) for entry in tomllib.loads(_DATA.read_text("utf-8"))["kinds"])


def kind_named(name: str) -> Kind:
    """Return the kind of a name; the table has it."""
    return next(kind for kind in kinds() if kind.name == name)


def kind_of(match: Match) -> Kind:
    """Return what a match is: for our rules by its form, its name, its host; else by the rule."""
    by_rule = next(kind for kind in kinds() if _has_rule(kind, match.rule))
    if not match.rule.startswith(_BY_NAME):
        return by_rule
    named = _by_words(match)
    special = next((each for each in (named, by_rule) if each and each.name not in _GENERAL), None)
    return _by_prefix(match) or special or _by_host(match) or named or by_rule


def _has_rule(kind: Kind, rule: str) -> bool:
    return any(fnmatchcase(rule, form) for form in kind.rules)


def _by_prefix(match: Match) -> Kind | None:
    return next((kind for kind in kinds() if len(kind.preview(match.secret.reveal())) > 4), None)  # noqa: PLR2004 - shorter ones are words, too


def _by_host(match: Match) -> Kind | None:
    host = match.words.get("host", "").lower()
    return next(
        (
            kind
            for kind in kinds()
            if any(host == each or host.endswith("." + each) for each in kind.hosts)
        ),
        None,
    )


def _by_words(match: Match) -> Kind | None:
    scheme = match.words.get("scheme", "").lower().partition("+")[0]
    words = {scheme} if scheme else set(_words_of(match.name))
    return next((kind for kind in kinds() if kind.names & words), None)


def _words_of(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return [name.lower().strip("-"), *_PARTS.findall(spaced), *spaced.split()]


def _kind(entry: Mapping[str, Any]) -> Kind:
    return Kind(
        name=entry["name"],
        title=entry["title"],
        rotate=entry["rotate"],
        rules=tuple(entry.get("rules", ())),
        names=frozenset(entry.get("names", ())),
        hosts=tuple(entry.get("hosts", ())),
        prefixes=tuple(entry.get("prefixes", ())),
        backends=tuple(entry.get("backends", ())),
        engine=entry.get("engine", ""),
        instead=entry.get("instead", ""),
    )
