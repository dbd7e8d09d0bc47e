"""What kind of file a path is, as `surfaces.toml` says: it decides what an assignment is worth."""

import re
import tomllib
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

_DATA: Final = files("broker.scanning") / "data" / "surfaces.toml"


class Strength(StrEnum):
    """How much an assignment in such a file says by itself."""

    DIRECT = "direct"
    CONFIG = "config"
    SOURCE = "source"
    SILENT = "silent"


class Surface(NamedTuple):
    """A kind of place in which secrets lie."""

    name: str
    strength: Strength


ENVIRONMENT: Final = Surface("environment", Strength.DIRECT)
VAULT: Final = Surface("vault", Strength.DIRECT)


@lru_cache(maxsize=4096)
def surface_of(path: str) -> Surface:
    """Return what kind of file a path is."""
    return next(surface for surface, form in _table() if form.search("/" + path))


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[Surface, re.Pattern[str]], ...]:
    entries = tomllib.loads(_DATA.read_text("utf-8"))["surfaces"]
    return tuple(
        (Surface(each["name"], Strength(each["strength"])), _form(each["patterns"]))
        for each in entries
    )


def _form(patterns: list[str]) -> re.Pattern[str]:
    written = "|".join(_translated(pattern) for pattern in patterns)
    return re.compile(rf"(?is)/(?:{written})\Z")


def _translated(pattern: str) -> str:
    literal = re.escape(pattern)
    return literal.replace(r"\*\*/", "(?:[^/]+/)*").replace(r"\*", "[^/]*")
