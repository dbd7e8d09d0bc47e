"""One route as the contract has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.http.contract.schema import Schema

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers when all went well.

    ``schema`` names one of the document's schemas and is empty where ``media`` is no JSON, or where
    there is no body at all (then ``media`` is empty, too).
    """

    summary: str
    schema: str = ""
    media: str = JSON
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What a route reads: the schema's name is that of the shape that reads it.

    ``example`` is a body that the broker accepts as it stands.
    """

    schema: str
    example: Mapping[str, object]
    is_required: bool = True
    media: str = JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path.

    ``callers`` are the kinds of principals that it is for; nobody has to show who calls where it is
    empty. ``problems`` are what this route can raise besides what every route can
    (:mod:`~broker.http.contract.failures`). ``creates`` says that it takes an ``Idempotency-Key``.
    """

    method: str
    path: str
    name: str
    summary: str
    callers: tuple[str, ...]
    answers: Mapping[int, Answer]
    problems: tuple[str, ...] = ()
    query: Mapping[str, Schema] = field(default_factory=dict)
    required_query: tuple[str, ...] = ()
    headers: Mapping[str, Schema] = field(default_factory=dict)
    body: Body | None = None
    creates: bool = False

    @property
    def is_public(self) -> bool:
        """Tell whether anybody may ask."""
        return not self.callers

    @property
    def speaks_oauth(self) -> bool:
        """Tell whether its failures are OAuth errors."""
        return self.path.startswith("/oauth/")
