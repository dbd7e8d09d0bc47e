"""What an engine's server has to be told how, and what its answers mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from broker.engines.question import Json
from broker.engines.verdict import GarbledAnswerError, Verdict


@dataclass(frozen=True, slots=True)
class Call:
    """One request: where to, what, and headers besides those that every request has."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer. ``version`` is what decided: as the server names it, else the answer's digest."""

    verdict: Verdict
    version: str


class Dialect(Protocol):
    """The words of one kind of server."""

    @property
    def name(self) -> str:
        """What kind it is, as it stands in traces."""
        ...

    @property
    def at_once(self) -> int:
        """How many questions one call takes."""
        ...

    def call(self, questions: Sequence[Json]) -> Call:
        """Write one call that puts these questions."""
        ...

    def read(
        self, call: Call, body: bytes, headers: Mapping[str, str]
    ) -> Sequence[Answered | GarbledAnswerError]:
        """Read the answers, in the order of the questions.

        Raises:
            GarbledAnswerError: the whole of it is not what is documented.
        """
        ...
