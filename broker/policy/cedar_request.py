"""From a query to what Cedar is asked: field by field, each with one type.

Nothing of the caller's is passed on as it came: texts go where texts are expected, uids are
dictionaries (text forms would go through Cedar's parser), numbers are whole and fit in 64 bits.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec

from broker.policy.around import NOTHING, Around
from broker.policy.caller_map import flatten
from broker.policy.entity import EntityName
from broker.policy.named import caller_name
from broker.policy.query import Action, Query

_ACTIONS: Final = {action: EntityName("Action", action.value) for action in Action}

_LARGEST_LONG: Final = 2**63 - 1


class UnfitFactError(Exception):
    """A fact is not of its type: the question cannot be put, and is answered with a Deny."""


Shape = tuple[str, str, str, bool, bool, bool, frozenset[str]]
"""All that a schema can tell apart of the requests that are built here: the types of principal and
resource, the action, and which of the facts that may be absent (on behalf of, instance, the person
on whose behalf, each part of a tool) are there. Everything else is always there and always of its
type."""


class CedarRequest(msgspec.Struct, frozen=True):
    """Who wants to do what to what, and what else there is to say.

    ``context`` has the facts that were asked for; ``around`` is what is known beyond the query.
    """

    principal: EntityName
    action: EntityName
    resource: EntityName
    context: dict[str, object]
    shape: Shape
    query: Query
    around: Around = NOTHING

    def to_json(self) -> dict[str, object]:
        """Return what Cedar takes, with every fact.

        Raises:
            UnfitFactError: a value is not of the type that its place has.
        """
        return self._about() | {"context": _context(self.query, self.around, None)}

    def showing(self, context: dict[str, object]) -> dict[str, object]:
        """Return the same question with another context, written out, as Cedar takes it too."""
        return self._about() | {"context": msgspec.json.encode(context).decode()}

    def _about(self) -> dict[str, object]:
        return {
            "principal": self.principal.to_json(),
            "action": self.action.to_json(),
            "resource": self.resource.to_json(),
        }


def cedar_request(
    query: Query, facts: Collection[str] | None = None, around: Around = NOTHING
) -> CedarRequest:
    """Build the request, with some facts or with all of them.

    Raises:
        UnfitFactError: a value is not of the type that its place has.
    """
    caller = query.principal
    principal = caller_name(caller.kind, _text(caller.name), _text(query.task.tenant))
    action = _ACTIONS[query.action]
    resource = _resource(query)
    return CedarRequest(
        principal=principal,
        action=action,
        resource=resource,
        context=_context(query, around, facts),
        shape=(
            principal.type,
            action.id,
            resource.type,
            bool(query.task.on_behalf_of),
            bool(query.principal.instance),
            around.behalf is not None,
            _tool_parts(around),
        ),
        query=query,
        around=around,
    )


def _tool_parts(around: Around) -> frozenset[str]:
    if around.tool is None:
        return frozenset()
    registered = () if around.tool.thing is None else ("registered",)
    return frozenset((*around.tool.said.told(), *registered))


def _resource(query: Query) -> EntityName:
    if not query.action.is_about_credential:
        return EntityName("Agent", _text(query.task.agent))
    if query.capability is None:
        raise UnfitFactError("a credential is asked for without a capability")
    return EntityName("Capability", _text(query.capability.name))


def _context(query: Query, around: Around, facts: Collection[str] | None) -> dict[str, object]:
    if facts is None:
        context = {name: fact(query) for name, fact in FACTS.items()}
        return context | around.context(around.known.names)
    context = {name: fact(query) for name, fact in FACTS.items() if name in facts}
    looked_at = around.known.looked_at
    return context | around.context(looked_at) if looked_at else context


def _ceiling(query: Query) -> dict[str, object]:
    grants = {f"{line.capability} {scope}" for line in query.ceiling for scope in line.scopes}
    return {
        "capabilities": _texts({line.capability for line in query.ceiling}),
        "grants": _texts(grants),
    }


def _ttl_seconds(query: Query) -> int:
    # Rounded up: a request never looks shorter to policy than it is.
    return -(-_whole(query.ttl_ms) // 1000)


def _task(query: Query) -> dict[str, object]:
    task = query.task
    facts: dict[str, object] = {
        "id": _text(task.id),
        "name": _text(task.name),
        "tenant": _text(task.tenant),
        "agent": _text(task.agent),
        "opener": _text(task.opener),
        "tickets": _texts(task.tickets),
        "resources": _texts(task.resources),
        "depth": _whole(task.depth),
    }
    return facts | _present("onBehalfOf", task.on_behalf_of)


def _caller(query: Query) -> dict[str, object]:
    principal = query.principal
    facts: dict[str, object] = {
        "issuer": _text(principal.issuer),
        "subject": _text(principal.subject),
        "claims": _texts(flatten(principal.claims, field="claims")),
    }
    return facts | _present("instance", principal.instance)


def _present(name: str, text: str) -> dict[str, object]:
    """Leave out what is not known: policies then ask with ``has``."""
    return {name: _text(text)} if text else {}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitFactError(f"expected a text, got {type(value).__name__}")
    return str(value)


def _texts(values: Iterable[object]) -> list[str]:
    if isinstance(values, str):
        raise UnfitFactError("expected a set of texts, got one text")
    return sorted(_text(value) for value in values)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST_LONG:
        raise UnfitFactError("expected a whole number that fits in 64 bits")
    return value


FACTS: Final[Mapping[str, Callable[[Query], object]]] = {
    "task": _task,
    "caller": _caller,
    "ceiling": _ceiling,
    "scopes": lambda query: _texts(query.scopes),
    "ttlSeconds": _ttl_seconds,
    "labels": lambda query: _texts(flatten(query.labels, field="labels")),
}
"""Everything that a context has, and how it follows from a query."""
