"""What a server answered, read once and strictly: exactly what is documented, or no answer.

A server may be mistaken, replaced or bought. Nothing here is converted, completed or guessed: a
text is no truth value, a missing member no empty one, an unknown member no remark.
"""

import hashlib
import json
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from broker.model.approval import GOOD_MS, MOST_GOOD_MS, MOST_VOICES, Requirement
from broker.model.decision import Decision, Deny, NeedsApproval, Obligations, Permit, Trace
from broker.policy.engine import DenyReason
from broker.proof.confirmation import Binding

MAX_POLICIES: Final = 50
"""How many rules one answer may name."""

_SHOWN: Final = 64
"""How much of a place in an answer is said."""

_Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\Z")]
_Scope = Annotated[str, Meta(pattern=r"\A[\x21\x23-\x5b\x5d-\x7e]{1,256}\Z")]
_Group = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]{1,64}\Z")]

_BINDINGS: Final = {
    "dpop": frozenset({Binding.DPOP}),
    "mtls": frozenset({Binding.MTLS}),
    "any": frozenset(Binding),
}


T = TypeVar("T")


class GarbledAnswerError(Exception):
    """It is not what is documented; the message holds nothing that the server sent."""


class Obliged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a permit is bound to. What is not named binds nobody."""

    max_ttl_seconds: Annotated[int, Meta(ge=1, le=999_999_999)] | None = None
    scopes: Annotated[tuple[_Scope, ...], Meta(max_length=64)] | None = None
    binding: Literal["dpop", "mtls", "any"] | None = None
    single_use: bool = False
    approval: Annotated[tuple[_Group, ...], Meta(max_length=16)] = ()
    approval_count: Annotated[int, Meta(ge=1, le=MOST_VOICES)] = 1
    approval_excludes: tuple[Literal["owner"], ...] = ()
    approval_seconds: Annotated[int, Meta(ge=1, le=999_999_999)] | None = None

    def requirement(self) -> Requirement | None:
        """Return who has to agree first."""
        if not self.approval:
            return None
        groups = tuple(sorted(set(self.approval)))
        return Requirement(groups, self.approval_count, not_owner=bool(self.approval_excludes))

    def asks_of_nobody(self) -> bool:
        """Tell whether it says how people have to agree."""
        is_plain = self.approval_count == 1 and self.approval_seconds is None
        return not is_plain or bool(self.approval_excludes)

    def good_ms(self) -> int:
        """Return how long a yes may be used."""
        seconds = self.approval_seconds
        return GOOD_MS if seconds is None else min(seconds * 1000, MOST_GOOD_MS)

    def obligations(self) -> Obligations:
        """Return what narrows a permit."""
        ttl = self.max_ttl_seconds
        return Obligations(
            max_ttl_ms=None if ttl is None else ttl * 1000,
            scopes=None if self.scopes is None else frozenset(self.scopes),
            bindings=_BINDINGS[self.binding] if self.binding else None,
            single_use=self.single_use,
        )


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer: whether, bound to what, and by which rules."""

    allow: bool
    obligations: Obliged
    policies: Annotated[tuple[_Name, ...], Meta(max_length=MAX_POLICIES)]

    def decision(self, trace: Trace) -> Decision:
        """Say it as Cedar would.

        A refusal that names rules is one of theirs; one that names none says that none permits.
        """
        if not self.allow:
            return Deny(DenyReason.FORBIDDEN if self.policies else DenyReason.NO_PERMIT, trace)
        obliged = self.obligations.obligations()
        if asked := self.obligations.requirement():
            return NeedsApproval((asked,), trace, obliged, self.obligations.good_ms())
        return Permit(obliged, trace)


def verdict(answer: object) -> Verdict:
    """Read ``{"allow": …, "obligations": {…}, "policies": […]}``.

    Raises:
        GarbledAnswerError: it is anything else, or permits by no rule at all.
    """
    read = converted(answer, Verdict, "the answer")
    if read.allow and not read.policies:
        raise GarbledAnswerError("the answer permits, and names no rule that does")
    if not read.allow and read.obligations != Obliged():
        raise GarbledAnswerError("the answer refuses, and binds a permit")
    if not read.obligations.approval and read.obligations.asks_of_nobody():
        raise GarbledAnswerError("the answer says how people agree, and not who")
    return read


def converted(value: object, type_: type[T], what: str) -> T:
    """Read plain values as a type.

    Raises:
        GarbledAnswerError: they are not of it. The place is said, what stood there is not.
    """
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        _, _, place = str(error).rpartition(" - at `$")
        where = place.removesuffix("`") if place != str(error) else ""
        shown = where if where.isprintable() and len(where) <= _SHOWN else ""
    raise GarbledAnswerError(f"{what} is not what is documented{shown and f', at {shown}'}")


def digest_of(answer: object) -> str:
    """Return the SHA-256 of plain values, however they were written."""
    text = json.dumps(answer, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
