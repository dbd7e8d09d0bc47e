"""From a match to a finding."""

from broker.scanning.finding import Finding
from broker.scanning.kinds import kind_of
from broker.scanning.match import Match


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
        words=dict(match.words),
        commit=commit,
        secret=match.secret,
    )
