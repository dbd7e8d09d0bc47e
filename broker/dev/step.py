"""One step of the story: what is done, and what must be seen."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


class StepFailedError(Exception):
    """A step saw something else than it must."""

    def __init__(self, *, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.expected = expected
        self.seen = seen


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """A step is data: a stable name, a line for people, and the small function that acts.

    ``act`` returns what was seen, in a few words, and raises :class:`StepFailedError` when that is
    not what must be seen.
    """

    name: str
    chapter: str
    title: str
    act: Callable[[S], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. ``failure`` is None when it was as it must be."""

    name: str
    chapter: str
    title: str
    seen: str
    took_ms: int
    failure: StepFailedError | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """How one credential ended: a row of the table of receipts.

    ``took_ms`` runs from what killed it (the call, the idle timeout, the deadline) to the first
    refusal that the resource server was seen to give.
    """

    task_name: str
    task: str
    credential: str
    cause: str
    state: str
    took_ms: int


def expect(holds: bool, *, expected: str, seen: object) -> None:  # noqa: FBT001 - the claim itself
    """Go on only if the claim holds.

    Raises:
        StepFailedError: it does not.
    """
    if not holds:
        raise StepFailedError(expected=expected, seen=str(seen))
