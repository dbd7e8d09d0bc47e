"""Whether names, texts and fields have their form, whatever else is known."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from broker.errors import InvalidRequestError
from broker.facts.owners import owner_of
from broker.facts.relations import RISKS, SHAPES
from broker.model.fact import (
    BUNDLE,
    CEILING_PATTERN,
    NAME_PATTERN,
    WORD_PATTERN,
    Ref,
    Thing,
    ThingKind,
)
from broker.text import MAX_REASON, parse_text
from broker.tool_origin import is_origin

FieldFault = tuple[str, str, str]
"""A field, what is wrong with it, and what to do."""

MAX_TEXT: Final = 200
"""As of the texts in the bundle."""

MAX_IDENTITIES: Final = 32
MAX_CEILING: Final = 256
"""Lines of an agent's ceiling."""
MAX_QUOTA: Final = 1_000_000_000
MAX_INSTANT_MS: Final = 253_402_300_800_000
"""The beginning of the year 10000."""

NAME_FORM: Final = "write 1 to 128 of A-Z a-z 0-9 . _ - / # + @ that begin with a letter or digit"
WORD_FORM: Final = "write 1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"

_NAME: Final = re.compile(NAME_PATTERN, re.ASCII)
_WORD: Final = re.compile(WORD_PATTERN, re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_IDENTITY: Final = re.compile(r"[\x21-\x7e]{1,512} [\x21-\x7e]{1,512}")
_CEILING: Final = re.compile(CEILING_PATTERN, re.ASCII)
_STATED: Final = ("status", "owner", "purpose", "risk", "data_class", "review_by", "origin")
_ALL: Final = (*_STATED, "identities", "quota", "ceiling")


def is_name(text: str) -> bool:
    """Tell whether a thing may be called so."""
    return _NAME.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """Tell whether a tenant, a source or a class of data may be called so."""
    return _WORD.fullmatch(text) is not None


def source_faults(source: str) -> Iterator[FieldFault]:
    """Find what is wrong with the name of a source; none is by hand."""
    if source == BUNDLE:
        yield ("source", "is what the published bundle is called", "choose another name")
    elif source and not is_word(source):
        yield ("source", "is no name of a source", WORD_FORM)


def text_faults(field: str, text: str, *, limit: int = MAX_TEXT) -> Iterator[FieldFault]:
    """Find what is wrong with a text for people."""
    try:
        parse_text(text, field=field, max_length=limit)
    except InvalidRequestError as error:
        message, _, remedy = str(error).rpartition(": ")
        yield (field, message, remedy)


def reason_faults(field: str, text: str) -> Iterator[FieldFault]:
    """Find what is wrong with the text that says why."""
    return text_faults(field, text, limit=MAX_REASON)


def ref_faults(field: str, ref: Ref) -> Iterator[FieldFault]:
    """Find what is wrong with a name."""
    if not is_name(ref.name):
        yield (f"{field}.name", "is no name", NAME_FORM)
    if ref.tenant:
        if not is_word(ref.tenant):
            yield (f"{field}.tenant", "is no name of a tenant", WORD_FORM)
    elif ref.kind is not ThingKind.TEAM:
        yield (f"{field}.tenant", "is missing", "name the tenant")
    if ref.kind is ThingKind.TENANT and ref.tenant != ref.name:
        yield (f"{field}.name", "is not the tenant's own", "name the same tenant twice")


def thing_faults(thing: Thing) -> Iterator[FieldFault]:
    """Find what is wrong with what a thing says of itself."""
    yield from ref_faults("thing", thing.ref)
    shape = SHAPES.get(thing.kind)
    if shape is None or not thing.tenant:
        yield ("thing.kind", f"a {_called(thing)} cannot be put", "declare it in agents.yaml")
        return
    stated = {name for name in _ALL if getattr(thing, name)}
    for name in sorted(shape.needs - stated):
        yield (f"thing.{name}", "is missing", "write it down")
    for name in sorted(stated - shape.fields):
        yield (f"thing.{name}", f"a {thing.kind.value} has none", "leave it out")
    if thing.hold is not None:
        yield ("thing.hold", "cannot be put", "hold it by a change of its own")
    yield from _value_faults(thing)


def _called(thing: Thing) -> str:
    return thing.kind.value if thing.tenant else f"{thing.kind.value} of no tenant"


def _value_faults(thing: Thing) -> Iterator[FieldFault]:
    yield from _choice_faults("status", thing.status, SHAPES[thing.kind].statuses)
    yield from _choice_faults("risk", thing.risk, RISKS)
    if thing.owner and (":" not in thing.owner or owner_of(thing) is None):
        yield ("thing.owner", "is nobody's name", "write person:NAME or team:NAME")
    if thing.purpose:
        yield from text_faults("thing.purpose", thing.purpose)
    if thing.data_class and not is_word(thing.data_class):
        yield ("thing.data_class", "is no name of a class", WORD_FORM)
    if thing.origin and not is_origin(thing.origin):
        yield (
            "thing.origin",
            "is not an origin",
            "write https://HOST/… or pkg:TYPE/NAME@VERSION",
        )
    if thing.review_by and not _is_date(thing.review_by):
        yield ("thing.review_by", "is no date", "write YYYY-MM-DD")
    if not 0 <= thing.quota <= MAX_QUOTA:
        yield ("thing.quota", "is out of bounds", f"write 1 to {MAX_QUOTA}")
    yield from _identity_faults(thing.identities)
    yield from _ceiling_faults(thing.ceiling)


def _choice_faults(name: str, value: str, choices: tuple[str, ...]) -> Iterator[FieldFault]:
    if value and value not in choices and choices:
        yield (f"thing.{name}", "is none of its words", f"write one of: {', '.join(choices)}")


def _identity_faults(identities: tuple[str, ...]) -> Iterator[FieldFault]:
    if len(identities) > MAX_IDENTITIES:
        yield ("thing.identities", "are too many", f"write at most {MAX_IDENTITIES}")
    for at, identity in enumerate(identities[:MAX_IDENTITIES]):
        field = f"thing.identities[{at}]"
        if _IDENTITY.fullmatch(identity) is None or "*" in identity[:-1]:
            yield (field, "is no identity", "write ISSUER SUBJECT; * only at the subject's end")
        elif identity.endswith(" *"):
            yield (field, "admits everybody of that issuer", "write the beginning of the subject")


def _ceiling_faults(ceiling: tuple[str, ...]) -> Iterator[FieldFault]:
    if len(ceiling) > MAX_CEILING:
        yield ("thing.ceiling", "has too many lines", f"write at most {MAX_CEILING}")
    for at, line in enumerate(ceiling[:MAX_CEILING]):
        if _CEILING.fullmatch(line) is None:
            yield (f"thing.ceiling[{at}]", "is no line of a ceiling", "write CAPABILITY SCOPE")


def _is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
