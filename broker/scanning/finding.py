"""One secret that was found: where, what, how old, whose, and what would take its place."""

import hashlib
from dataclasses import dataclass, field

from broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Origin:
    """How old something is and whose, as far as that is known, and how it is known."""

    since_s: int = 0
    """Since when it has been there, in seconds since the epoch; 0: nobody knows."""
    since_by: str = ""
    """`commit`, `file`, `vault`, or nothing."""
    owner: str = ""
    owner_by: str = ""
    """`CODEOWNERS`, `commit`, `file`, `vault`, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding. The secret itself is kept for comparing, and cannot print itself."""

    path: str
    """As the scan calls the file; bytes that are no text as surrogates."""
    line: int
    """From 1; 0 where there are no lines: a variable, an entry of a vault."""
    surface: str
    kind: str
    title: str
    rule: str
    name: str
    """What the secret was assigned to; empty where nothing names it."""
    preview: str
    """The public prefix of its kind, at most."""
    words: dict[str, str] = field(default_factory=dict)
    """What stands beside it: scheme, host, database; of a vault's entry versions and mount."""
    commit: str = ""
    """Which commit brought it, where it was found in history."""
    origin: Origin = Origin()
    replaced_by: tuple[str, ...] = ()
    """Declared capabilities that would take its place."""
    secret: Secret = field(repr=False)

    def identity(self) -> bytes:
        """Return what makes it the same finding again: kind, path and the secret. Never printed."""
        path = self.path.encode("utf-8", "surrogateescape")
        value = self.secret.reveal().encode("utf-8", "surrogatepass")
        return b"\0".join((self.kind.encode(), path, value))

    def key(self) -> bytes:
        """Return a digest of the identity, to hold many of them in memory."""
        return hashlib.blake2b(self.identity(), digest_size=16).digest()
