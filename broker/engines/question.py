"""What a server that decides is told: everything that policy may know, each in its own type.

Every member is always there, and empty where nothing is known: a rule that asks for a member finds
it, and one that is absent was not sent by us. Nothing of the caller's goes on as it came: maps that
it asserts become sets of texts, as for Cedar.
"""

from collections.abc import Iterable
from typing import Any, Final

from broker.model.fact import tool_ref
from broker.model.tool import Tool
from broker.policy.caller_map import flatten
from broker.policy.engine import Shown
from broker.policy.entity import Attribute, Entity, EntityName
from broker.policy.named import entity_name
from broker.policy.query import Action, Query

Json = dict[str, Any]

_LARGEST: Final = 2**53 - 1
"""Larger numbers are other ones to a reader that takes all of them for floating ones."""


class UnfitQuestionError(Exception):
    """A fact is not of its type: the question cannot be put, and is answered with a Deny."""


def question(query: Query, shown: Shown) -> Json:
    """Write a query down, with the registered that it is about.

    Raises:
        UnfitQuestionError: a value is not of the type that its place has.
    """
    return {
        "action": Action(query.action).value,
        "principal": _principal(query),
        "task": _task(query),
        "capability": _capability(query),
        "ceiling": [
            {"capability": _text(line.capability), "scopes": _texts(line.scopes)}
            for line in query.ceiling
        ],
        "scopes": _texts(query.scopes),
        # Rounded up: a request never looks shorter to policy than it is.
        "ttl_seconds": -(-_whole(query.ttl_ms) // 1000),
        "labels": _texts(flatten(query.labels, field="labels")),
        "tool": None if query.tool is None else _tool(query.tool, query.task.tenant, shown),
        "entities": [_entity(entity) for entity in shown.entities],
        "facts_revision": _whole(shown.revision),
        "graph_revision": _whole(shown.graph_revision),
    }


def resource_of(query: Query) -> tuple[str, str]:
    """Return type and name of what the action is on: a capability, or the task's agent.

    Raises:
        UnfitQuestionError: a credential is asked for without a capability.
    """
    if not query.action.is_about_credential:
        return "agent", _text(query.task.agent)
    if query.capability is None:
        raise UnfitQuestionError("a credential is asked for without a capability")
    return "capability", _text(query.capability.name)


def _principal(query: Query) -> Json:
    principal = query.principal
    return {
        "kind": principal.kind.value,
        "name": _text(principal.name),
        "tenants": _texts(principal.tenants),
        "instance": _text(principal.instance),
        "issuer": _text(principal.issuer),
        "subject": _text(principal.subject),
        "claims": _texts(flatten(principal.claims, field="claims")),
    }


def _task(query: Query) -> Json:
    task = query.task
    return {
        "id": _text(task.id),
        "name": _text(task.name),
        "tenant": _text(task.tenant),
        "agent": _text(task.agent),
        "opener": _text(task.opener),
        "on_behalf_of": _text(task.on_behalf_of),
        "tickets": _texts(task.tickets),
        "resources": _texts(task.resources),
        "depth": _whole(task.depth),
    }


def _capability(query: Query) -> Json | None:
    resource_of(query)
    capability = query.capability
    if capability is None:
        return None
    return {
        "name": _text(capability.name),
        "backend": _text(capability.backend),
        "target": _text(capability.target),
        "audience": _text(capability.audience),
        "scopes": _texts(capability.scopes),
        "tenants": _texts(capability.tenants),
        "data_class": _text(capability.data_class or ""),
        "max_ttl_seconds": _whole(capability.max_ttl_ms) // 1000,
    }


def _tool(tool: Tool, tenant: str, shown: Shown) -> Json:
    """Write down what the caller says of a tool, and whether what is registered agrees."""
    name = entity_name(tool_ref(tenant, tool.name))
    found = next((each for each in shown.entities if each.name == name), None)
    origin = "" if found is None else str(found.attributes.get("origin", ""))
    return {
        "name": _text(tool.name),
        "origin": _text(tool.origin),
        "digest": _text(tool.digest),
        "registered": found is not None,
        "origin_agrees": tool.comes_from(origin),
    }


def _entity(entity: Entity) -> Json:
    return {
        **_named(entity.name),
        "attributes": {name: _value(value) for name, value in entity.attributes.items()},
        "parents": [_named(parent) for parent in entity.parents],
    }


def _value(value: Attribute) -> object:
    if isinstance(value, EntityName):
        return _named(value)
    return list(value) if isinstance(value, tuple) else value


def _named(name: EntityName) -> Json:
    return {"type": name.type, "id": name.id}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitQuestionError(f"expected a text, got {type(value).__name__}")
    return str(value)


def _texts(values: Iterable[object]) -> list[str]:
    if isinstance(values, str):
        raise UnfitQuestionError("expected a set of texts, got one text")
    return sorted(_text(value) for value in values)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise UnfitQuestionError("expected a whole number that fits in 53 bits")
    return value
