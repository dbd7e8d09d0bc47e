"""What a resource server wrote down of its visitors."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Visit:
    """One use of a token. Instants are the wall clock's, before and after it was judged."""

    came_ms: int
    left_ms: int
    jti: str
    accepted: bool


def read_visits(file: Path) -> list[Visit]:
    """Read a log; a line that is still being written does not count."""
    lines = file.read_text(encoding="ascii").split("\n")[:-1]
    return [Visit(**json.loads(line)) for line in lines]
