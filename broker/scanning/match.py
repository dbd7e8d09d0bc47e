"""What the engine saw in a text, before anybody has judged what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Match:
    """One place that looks like a secret. ``words`` are what stands beside it: host, scheme, …."""

    rule: str
    line: int
    """From 1, in the text that was given."""
    start: int
    """The byte at which the secret begins."""
    secret: Secret
    name: str = ""
    """What it was assigned to, as it was written; empty where nothing names it."""
    is_quoted: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    named_at: int = -1
    """The byte at which the name begins; -1 where there is none."""
    written: int = 0
    """How many bytes it takes up in the text, where that is not the secret's own length."""

    @property
    def end(self) -> int:
        """Return the byte after the secret."""
        if self.written:
            return self.start + self.written
        return self.start + len(self.secret.reveal().encode("utf-8", "surrogateescape"))
