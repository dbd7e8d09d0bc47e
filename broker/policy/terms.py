"""What a policy's annotations say: its name, and what its permit is bound to.

========================= =========================================================================
``@id("name")``           required, unique: how traces, explanations and faults call the policy
``@description("…")``     for people
``@max_ttl_seconds("n")`` the credential or task lives at most so long
``@scopes("a b")``        at most these scopes
``@binding("dpop")``      the credential is bound to a key that its holder proves, by ``dpop``,
                          ``mtls`` or ``any`` of both
``@evidence("single-use")`` the caller's evidence serves this one decision and no other that asks it
``@approval("group")``    a human of one of these groups has to agree first
``@approval_count("2")``  so many different people of them
``@approval_excludes("owner")`` none of them may own an agent that has a part in it
``@approval_seconds("n")`` their yes may be used for so long
``@break_glass("alone")`` one person may break glass without a second one
========================= =========================================================================

Those that begin with ``approval_`` go with ``@approval``. Of several permits that apply, what each
asks for has to be met. Anything else is refused: a mistyped obligation would otherwise bind nobody.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from broker.model.approval import GOOD_MS, MOST_GOOD_MS, MOST_VOICES, Requirement
from broker.model.decision import Obligations
from broker.proof.confirmation import Binding

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_SCOPES: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_GROUPS: Final = re.compile(r"[A-Za-z0-9._-]+(?: [A-Za-z0-9._-]+)*", re.ASCII)

_VOICES: Final = re.compile(rf"[1-{MOST_VOICES}]", re.ASCII)

_FORMS: Final = {
    "id": (_ID, "name it with 1 to 64 of a-z 0-9 . _ -"),
    "description": (re.compile(r".*", re.DOTALL), ""),
    "max_ttl_seconds": (_SECONDS, 'write a whole number of seconds: @max_ttl_seconds("120")'),
    "scopes": (_SCOPES, 'write scopes with one space between: @scopes("orders:read")'),
    "binding": (re.compile("dpop|mtls|any"), 'write @binding("dpop"), ("mtls") or ("any")'),
    "evidence": (re.compile("single-use"), 'write @evidence("single-use"), or leave it out'),
    "approval": (_GROUPS, 'write names with one space between: @approval("oncall")'),
    "approval_count": (_VOICES, f'write how many, 1 to {MOST_VOICES}: @approval_count("2")'),
    "approval_excludes": (re.compile("owner"), 'write @approval_excludes("owner")'),
    "break_glass": (re.compile("alone"), 'write @break_glass("alone"), or leave it out'),
    "approval_seconds": (_SECONDS, 'write a whole number of seconds: @approval_seconds("600")'),
}
_OF_APPROVAL: Final = ("approval_count", "approval_excludes", "approval_seconds")
_BINDING: Final = (
    *("max_ttl_seconds", "scopes", "binding", "evidence", "approval", *_OF_APPROVAL),
    "break_glass",
)
_BINDINGS: Final = {
    "dpop": frozenset({Binding.DPOP}),
    "mtls": frozenset({Binding.MTLS}),
    "any": frozenset(Binding),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What one permit is bound to."""

    max_ttl_ms: int | None = None
    scopes: frozenset[str] | None = None
    bindings: frozenset[Binding] | None = None
    single_use: bool = False
    approval: Requirement | None = None
    approval_ms: int = GOOD_MS
    alone: bool = False


def term_faults(annotations: Mapping[str, str], effect: str) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a policy's annotations, as pairs of message and remedy."""
    if "id" not in annotations:
        yield "a policy without a name", 'begin it with @id("what-it-is-for")'
    for name, text in annotations.items():
        if name not in _FORMS:
            yield f"@{name} means nothing", _did_you_mean(name)
        elif _FORMS[name][0].fullmatch(text) is None:
            yield f"@{name} is malformed", _FORMS[name][1]
        elif name in _BINDING and effect != "permit":
            yield f"@{name} on a forbid binds nobody", "put it on the permits it should narrow"
        elif name in _OF_APPROVAL and "approval" not in annotations:
            yield f"@{name} without @approval asks nobody", 'say of whom: @approval("oncall")'


def _did_you_mean(name: str) -> str:
    near = difflib.get_close_matches(name, _FORMS, n=1)
    return f"did you mean @{near[0]}?" if near else f"known are @{', @'.join(_FORMS)}"


def terms_of(annotations: Mapping[str, str]) -> Terms:
    """Read annotations in which :func:`term_faults` finds nothing."""
    seconds, scopes = annotations.get("max_ttl_seconds"), annotations.get("scopes")
    return Terms(
        max_ttl_ms=None if seconds is None else int(seconds) * 1000,
        scopes=None if scopes is None else frozenset(scopes.split()),
        bindings=_BINDINGS.get(annotations.get("binding", "")),
        single_use="evidence" in annotations,
        approval=_requirement(annotations),
        approval_ms=_good_ms(annotations.get("approval_seconds")),
        alone="break_glass" in annotations,
    )


def _requirement(annotations: Mapping[str, str]) -> Requirement | None:
    if "approval" not in annotations:
        return None
    return Requirement(
        groups=tuple(sorted(set(annotations["approval"].split()))),
        count=int(annotations.get("approval_count", "1")),
        not_owner="approval_excludes" in annotations,
    )


def _good_ms(seconds: str | None) -> int:
    return GOOD_MS if seconds is None else min(int(seconds) * 1000, MOST_GOOD_MS)


def narrowest(terms: tuple[Terms, ...]) -> Obligations:
    """Combine the terms of all permits that apply: the shortest life, and only what all allow."""
    lives = [each.max_ttl_ms for each in terms if each.max_ttl_ms is not None]
    scopes = [each.scopes for each in terms if each.scopes is not None]
    bindings = [each.bindings for each in terms if each.bindings is not None]
    return Obligations(
        max_ttl_ms=min(lives, default=None),
        scopes=frozenset.intersection(*scopes) if scopes else None,
        bindings=frozenset.intersection(*bindings) if bindings else None,
        single_use=any(each.single_use for each in terms),
        alone=bool(terms) and all(each.alone for each in terms),
    )


def requirements(terms: tuple[Terms, ...]) -> tuple[Requirement, ...]:
    """Name, once each and in order, what people have to agree by any of the permits that apply."""
    return tuple(sorted({each.approval for each in terms if each.approval is not None}))


def good_ms(terms: tuple[Terms, ...]) -> int:
    """Return how long a yes may be used: the shortest that any of them says."""
    asked = [each.approval_ms for each in terms if each.approval is not None]
    return min(asked, default=GOOD_MS)
