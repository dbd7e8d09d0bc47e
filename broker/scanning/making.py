"""From a match to a finding."""

import re
from typing import Final

from broker.scanning.finding import Finding
from broker.scanning.judging import looks_made
from broker.scanning.kinds import kind_of
from broker.scanning.match import Match

_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\Z")


def made(match: Match, path: str, surface: str, commit: str = "") -> Finding:
    """Return what a match says of its place, without age, owner and replacement."""
    kind = kind_of(match)
    return Finding(
        path=path,
        line=match.line,
        surface=surface,
        kind=kind.name,
        title=kind.title,
        rule=match.rule,
        name=match.name,
        preview=kind.preview(match.secret.reveal()),
        words={name: word for name, word in match.words.items() if _is_known(name, word)},
        commit=commit,
        secret=match.secret,
    )


def _is_known(name: str, word: str) -> bool:
    """Leave out a user that may be a token: services take those in a user's place, too."""
    return name != "user" or (bool(_USER.match(word)) and not looks_made(word))
