"""What an examination finds: one line for each thing, with what to do."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
"""``fail``: it keeps a broker from giving access, or from taking it away."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, how it is, what to do about it, and where."""

    check: str
    state: State
    what: str
    remedy: str = ""
    where: str = ""
