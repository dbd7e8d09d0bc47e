"""What a question about policy says, read once: types and bounds, and nothing decided.

Whatever is not known is ignored, as the standard of such questions wants it (AuthZEN 1.0).
"""

from collections.abc import Iterable
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from broker.errors import InvalidRequestError
from broker.model.capability import Capability, Ceiling
from broker.model.evaluation import Evaluation
from broker.model.principal import Kind, Principal
from broker.model.task import Task
from broker.model.tool import Tool
from broker.policy.query import TaskFacts
from broker.tool_claim import read_tool
from broker.tool_origin import MAX_ORIGIN

_MOST_SECONDS: Final = 31_622_400

T = TypeVar("T")

_Word = Annotated[str, Meta(max_length=256)]
_Words = Annotated[list[_Word], Meta(max_length=64)]
_Seconds = Annotated[int, Meta(ge=0, le=_MOST_SECONDS)]


class _Line(msgspec.Struct):
    capability: _Word
    scopes: _Words = msgspec.field(default_factory=list)


class _Task(msgspec.Struct):
    tenant: _Word
    name: _Word = ""
    id: _Word = ""
    agent: _Word = ""
    opener: _Word = ""
    on_behalf_of: _Word = ""
    tickets: _Words = msgspec.field(default_factory=list)
    resources: _Words = msgspec.field(default_factory=list)
    depth: Annotated[int, Meta(ge=0, le=64)] = 0


class _Tool(msgspec.Struct, forbid_unknown_fields=True):
    name: _Word
    origin: Annotated[str, Meta(max_length=MAX_ORIGIN)] = ""
    digest: _Word = ""


class SaidContext(msgspec.Struct):
    """What a question says around itself."""

    task: _Task | None = None
    ceiling: Annotated[list[_Line], Meta(max_length=64)] | None = None
    labels: _Words = msgspec.field(default_factory=list)
    tool: _Tool | None = None


class _Subject(msgspec.Struct):
    instance: _Word = ""
    issuer: Annotated[str, Meta(max_length=512)] = ""
    subject: Annotated[str, Meta(max_length=1024)] = ""
    claims: _Words = msgspec.field(default_factory=list)


class SaidAction(msgspec.Struct):
    """What is asked for."""

    scopes: _Words = msgspec.field(default_factory=list)
    ttl_seconds: _Seconds = 0


def tool_of(context: SaidContext) -> Tool | None:
    """Read by which tool the agent would use it."""
    said = context.tool
    if said is None:
        return None
    return read_tool(said.name, said.origin, said.digest, field="context.tool")


def task_facts(task: _Task, question: Evaluation) -> TaskFacts:
    """Describe a question's task; where it names no agent, the one that the question is about."""
    return TaskFacts(
        id=task.id,
        name=task.name,
        tenant=task.tenant,
        agent=task.agent or _about(question),
        opener=task.opener,
        on_behalf_of=task.on_behalf_of,
        tickets=tuple(task.tickets),
        resources=tuple(task.resources),
        depth=task.depth,
    )


def _about(question: Evaluation) -> str:
    if question.resource.type == "agent":
        return question.resource.id
    return "" if question.subject.type == "person" else question.subject.id


def supposed_caller(question: Evaluation, tenant: str) -> Principal:
    """Name who would ask."""
    said = read_as(question.subject.properties, _Subject, "subject.properties")
    return Principal(
        kind=Kind(question.subject.type),
        name=question.subject.id,
        tenants=frozenset({tenant}),
        instance=said.instance,
        issuer=said.issuer,
        subject=said.subject,
        expires_at_ms=0,
        claims=pairs_of(said.claims, "subject.properties.claims"),
    )


def task_agent(question: Evaluation, task: Task) -> Principal:
    """Name the agent of a task that there is."""
    said = read_as(question.subject.properties, _Subject, "subject.properties")
    return Principal(
        kind=Kind.AGENT,
        name=task.spec.agent,
        tenants=frozenset({task.spec.tenant}),
        instance=task.instance,
        issuer=said.issuer,
        subject=said.subject,
        expires_at_ms=0,
        claims=pairs_of(said.claims, "subject.properties.claims"),
    )


def ceiling_of(line: _Line) -> Ceiling:
    """Read one line of a ceiling."""
    return Ceiling(line.capability, frozenset(line.scopes))


def or_what_is_asked(
    ceiling: tuple[Ceiling, ...] | None, capability: Capability | None, scopes: frozenset[str]
) -> tuple[Ceiling, ...]:
    """Return the ceiling; of what is said none, one as wide as what is asked for."""
    if ceiling is not None:
        return ceiling
    return () if capability is None else (Ceiling(capability.name, scopes),)


def ttl_of(asked: SaidAction, capability: Capability | None) -> int:
    """Return the life that is asked for, or else the capability's own."""
    default_ms = 0 if capability is None else capability.default_ttl_ms
    return asked.ttl_seconds * 1000 or default_ms


def pairs_of(texts: Iterable[str], field: str) -> dict[str, str]:
    """Read texts ``key=value``, as policy sees labels and claims."""
    pairs = [text.partition("=") for text in texts]
    found = {key: value for key, _, value in pairs}
    if len(found) != len(pairs) or not all(mark for _, mark, _ in pairs):
        raise InvalidRequestError("send texts key=value, each key once", field=field)
    return found


def read_as(value: object, type_: type[T], field: str) -> T:
    """Read plain values as a type.

    Raises:
        InvalidRequestError: they are not of it.
    """
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        place = str(error).rpartition("`$")[2].rstrip("`") if "`$" in str(error) else ""
        where = f"{field}{place}" if place.isprintable() and len(place) <= 64 else field  # noqa: PLR2004 - a bound
    raise InvalidRequestError("is not of the type that it has to have", field=where)
