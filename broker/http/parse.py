"""From wire shapes to the verbs' own requests: alphabets, configured limits, exclusions.

Every error names the member as the caller wrote it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from broker import ids, text
from broker.errors import InvalidRequestError
from broker.http import wire
from broker.http.limits import Limits
from broker.model.bounds import Bounds
from broker.model.capability import Ceiling
from broker.model.principal import Kind
from broker.model.requests import (
    SESSIONS,
    ExtendTask,
    IssueCredential,
    OpenTask,
    Selector,
    SelectorKind,
    Supposed,
)
from broker.model.selection import Criteria
from broker.model.tool import Tool
from broker.policy.query import Action
from broker.tool_claim import read_tool

_SELECTORS: Final = tuple(
    kind for kind in SelectorKind if kind is not SelectorKind.KEY and kind not in SESSIONS
)
"""What an order over HTTP may name."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_GLOB: Final = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._:@/*?-]*", re.ASCII)
_OLDEST_SECONDS: Final = 366 * 24 * 3600
"""Longer than anything is kept."""

_CONFINABLE: Final = frozenset(
    {SelectorKind.AGENT, SelectorKind.ALL, SelectorKind.CAPABILITY, SelectorKind.ISSUER}
)


def open_task(body: wire.OpenTaskBody, limits: Limits) -> OpenTask:
    """Read the order to open a task."""
    return OpenTask(
        name=text.parse_name(body.name, field="name"),
        agent=text.parse_name(body.agent, field="agent"),
        tenant=text.parse_name(body.tenant, field="tenant"),
        ceiling=tuple(_ceiling(line, at) for at, line in enumerate(body.ceiling)),
        ttl_ms=_ms(body.ttl_seconds, "ttl_seconds", limits),
        idle_ms=_idle_ms(body.idle_timeout_seconds, limits),
        instance=_name_or_nothing(body.instance, "instance"),
        on_behalf_of=_name_or_nothing(body.on_behalf_of, "on_behalf_of"),
        tickets=_references(body.tickets, "tickets"),
        resources=_references(body.resources, "resources"),
        opener_timeout_ms=_ms(body.opener_timeout_seconds, "opener_timeout_seconds", limits),
        parent=ids.parse_task_id(body.parent, field="parent") if body.parent else None,
        bounds=_bounds(body),
    )


def _bounds(body: wire.OpenTaskBody) -> Bounds:
    """Read what the tree below a task shall be held to."""
    audiences = body.audiences
    return Bounds(
        audiences=None if audiences is None else _audiences(audiences),
        levels=body.max_levels,
        children=body.max_children,
        below=body.max_below,
    )


def _audiences(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        text.parse_text(each, field=f"audiences[{at}]", max_length=wire.MAX_URL)
        for at, each in enumerate(given)
    )


def extend_task(body: wire.ExtendBody, limits: Limits) -> ExtendTask:
    """Read the wish for a later deadline."""
    return ExtendTask(ttl_ms=_ms(body.ttl_seconds, "ttl_seconds", limits))


def issue(body: wire.IssueBody, limits: Limits) -> IssueCredential:
    """Read the wish for a credential."""
    return IssueCredential(
        capability=text.parse_name(body.capability, field="capability"),
        scopes=_scopes(body.scopes, "scopes"),
        ttl_ms=ttl_or_default(body.ttl_seconds, limits),
        labels=_labels(body.labels),
        tool=tool(body.tool),
    )


def tool(given: wire.ToolBody | None) -> Tool | None:
    """Read what an agent says of a tool."""
    if given is None:
        return None
    return read_tool(given.name, given.origin, given.digest, field="tool")


def _labels(given: Mapping[str, str]) -> dict[str, str]:
    return {
        text.parse_name(key, field="labels"): _reference(value, f"labels.{key}")
        for key, value in given.items()
    }


def ttl_or_default(seconds: int | None, limits: Limits) -> int:
    """Read an optional lifetime; 0 stands for the capability's default."""
    return 0 if seconds is None else _ms(seconds, "ttl_seconds", limits)


def reason_or_nothing(given: str | None) -> str:
    """Read an optional reason."""
    return "" if given is None else text.parse_reason(given)


def handle(given: str) -> str:
    """Read a claim handle. The text itself never appears in an error."""
    return _reference(given, "handle")


def idempotency_key(given: str | None) -> str:
    """Read the ``Idempotency-Key`` header; empty when there is none."""
    return "" if given is None else text.parse_idempotency_key(given)


def selector(body: wire.RevokeBody) -> Selector:
    """Read which credentials to take away.

    Raises:
        InvalidRequestError: not exactly one thing is named, or it is malformed.
    """
    named = [kind for kind in _SELECTORS if getattr(body, kind) is not None]
    if len(named) != 1:
        words = ", ".join(_SELECTORS)
        raise InvalidRequestError(f"name exactly one of: {words}", field="selector")
    kind = named[0]
    value = _selected(body, kind)
    tenant = _name_or_nothing(body.in_tenant, "in_tenant")
    if tenant and kind not in _CONFINABLE:
        words = ", ".join(sorted(_CONFINABLE))
        raise InvalidRequestError(f"only these can be confined: {words}", field="in_tenant")
    return Selector(kind, value, tenant)


def supposed(body: wire.ExplainBody, limits: Limits) -> Supposed:
    """Read a request that nobody has made."""
    agent = text.parse_name(body.agent, field="agent")
    if body.action not in list(Action):
        raise InvalidRequestError(f"write one of {', '.join(Action)}", field="action")
    kind = body.caller_kind or Kind.AGENT
    if kind not in {Kind.AGENT, Kind.ORCHESTRATOR, Kind.PERSON}:
        raise InvalidRequestError("write agent, orchestrator or person", field="caller_kind")
    return Supposed(
        action=body.action,
        kind=Kind(kind),
        name=agent if body.caller is None else text.parse_name(body.caller, field="caller"),
        tenant=text.parse_name(body.tenant, field="tenant"),
        agent=agent,
        capability=_name_or_nothing(body.capability, "capability"),
        scopes=_scopes(body.scopes, "scopes"),
        ttl_ms=ttl_or_default(body.ttl_seconds, limits),
        tickets=_references(body.tickets, "tickets"),
        resources=_references(body.resources, "resources"),
        on_behalf_of=_name_or_nothing(body.on_behalf_of, "on_behalf_of"),
        labels=_labels(body.labels),
        tool=tool(body.tool),
    )


def criteria(body: wire.SelectBody) -> Criteria:
    """Read what a set's credentials have in common.

    Raises:
        InvalidRequestError: nothing is named and ``all`` is not true, or something is malformed.
    """
    named = [name for name in wire.CRITERIA if getattr(body, name) is not None]
    if body.all is False:
        raise InvalidRequestError("use true, or leave it away", field="all")
    if bool(named) is bool(body.all):
        words = ", ".join(wire.CRITERIA)
        raise InvalidRequestError(f"name some of: {words}; or all alone", field="selection")
    return Criteria(
        agent=_name_or_nothing(body.agent, "agent"),
        capability=_name_or_nothing(body.capability, "capability"),
        issuer=_issuer(body.issuer) if body.issuer else "",
        tenant=_name_or_nothing(body.tenant, "tenant"),
        task=ids.parse_task_id(body.task) if body.task else "",
        task_name=glob(body.task_name, "task_name") if body.task_name else "",
        data_class=_name_or_nothing(body.data_class, "data_class"),
        older_than_ms=_age_ms(body.older_than_seconds),
    )


def digest(given: str, field: str) -> str:
    """Read the digest that names a set.

    Raises:
        InvalidRequestError: it is none.
    """
    if _DIGEST.fullmatch(given) is None:
        raise InvalidRequestError("is not a digest: send the 64 characters of a set", field=field)
    return given


def glob(given: str, field: str) -> str:
    """Read a pattern for names.

    Raises:
        InvalidRequestError: it is none.
    """
    if len(given) > text.MAX_NAME or _GLOB.fullmatch(given) is None:
        raise InvalidRequestError(
            "is not a pattern: send the characters of a name, * and ?", field=field
        )
    return given


def _age_ms(seconds: int | None) -> int:
    if seconds is not None and seconds > _OLDEST_SECONDS:
        raise InvalidRequestError(f"use at most {_OLDEST_SECONDS}", field="older_than_seconds")
    return (seconds or 0) * 1000


def _issuer(given: str) -> str:
    return text.parse_text(given, field="issuer", max_length=wire.MAX_URL)


def _selected(body: wire.RevokeBody, kind: SelectorKind) -> str:
    match kind:
        case SelectorKind.ALL:
            if body.all is not True:
                raise InvalidRequestError("use true, or leave it away", field="all")
            return ""
        case SelectorKind.CREDENTIAL:
            return ids.parse_lease_id(body.credential or "")
        case SelectorKind.TASK:
            return ids.parse_task_id(body.task or "")
        case SelectorKind.SET:
            return digest(body.set or "", "set")
        case SelectorKind.ISSUER:
            return _issuer(body.issuer or "")
        case _:
            return text.parse_name(getattr(body, kind), field=kind.value)


def _ceiling(line: wire.AskedCeilingLine, at: int) -> Ceiling:
    return Ceiling(
        text.parse_name(line.capability, field=f"ceiling[{at}].capability"),
        _scopes(line.scopes or (), f"ceiling[{at}].scopes"),
    )


def _scopes(given: Sequence[str], field: str) -> frozenset[str]:
    return frozenset(
        text.parse_scope(scope, field=f"{field}[{at}]") for at, scope in enumerate(given)
    )


def _references(given: Sequence[str], field: str) -> tuple[str, ...]:
    return tuple(_reference(each, f"{field}[{at}]") for at, each in enumerate(given))


def _reference(given: str, field: str) -> str:
    return text.parse_text(given, field=field, max_length=wire.MAX_WORD)


def _name_or_nothing(given: str | None, field: str) -> str:
    return text.parse_name(given, field=field) if given else ""


def _idle_ms(seconds: int | None, limits: Limits) -> int:
    chosen = limits.default_idle_seconds if seconds is None else seconds
    return _ms(chosen, "idle_timeout_seconds", limits)


def _ms(seconds: int, field: str, limits: Limits) -> int:
    if seconds > limits.max_ttl_seconds:
        raise InvalidRequestError(f"use at most {limits.max_ttl_seconds}", field=field)
    return seconds * 1000
