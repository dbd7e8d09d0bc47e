"""How much of anybody's time and memory one connection may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of each connection. A body may have any length; a silent peer waits not for ever."""

    connections: int = 256
    """Children's connections at one time; one more is closed at once."""

    head_bytes: int = 65_536
    """All lines of a request or of an answer, before its body."""

    fields: int = 128
    """Header fields of one head."""

    head_seconds: float = 15
    """From the first byte of a head to its last."""

    kept_seconds: float = 120
    """How long a connection may wait for its next request."""

    dial_seconds: float = 15
    """To resolve a name, connect and shake hands."""

    answer_seconds: float = 900
    """Until the head of an answer: models think for minutes."""

    silent_seconds: float = 900
    """Between two pieces of a body, of a tunnel or of a websocket."""

    linger_seconds: float = 1
    """How long a child may be silent that goes on sending what was refused, until it is closed."""

    recheck_seconds: float = 2
    """How often a lasting exchange asks whether its credential is still held."""
