"""The ceiling that a task is asked for: what was left out of it, and what of it names nothing.

A line without scopes means the only one there is: of its capability, as far as the agent may have
it. Where there are several none is chosen, and they are named: least privilege is said, never
guessed.
"""

from dataclasses import replace

from broker.errors import InvalidRequestError
from broker.governance.published import Published
from broker.model.capability import Capability, Ceiling
from broker.model.requests import OpenTask


def completed(request: OpenTask, published: Published) -> OpenTask:
    """Return the request with the scope of each line that needs none said."""
    if all(line.scopes for line in request.ceiling):
        return request
    lines = tuple(
        line if line.scopes else _line(line, request, published) for line in request.ceiling
    )
    return replace(request, ceiling=lines)


def wrong_name(request: OpenTask, published: Published) -> InvalidRequestError | None:
    """Return what names nothing of this tenant; absent and another tenant's look the same (I16)."""
    for position, line in enumerate(request.ceiling):
        capability = _known(line, request, published)
        if capability is None:
            return InvalidRequestError(
                "no such capability in this tenant", field=f"ceiling[{position}].capability"
            )
        if what := _wrong_scopes(line, capability, request, published):
            return InvalidRequestError(what, field=f"ceiling[{position}].scopes")
    return None


def _wrong_scopes(
    line: Ceiling, capability: Capability, request: OpenTask, published: Published
) -> str:
    if not line.scopes:
        which = ", ".join(sorted(_open_to(capability, request, published)))
        several = f"say which of {line.capability}: {which}"
        return several if which else f"{line.capability} is beyond the ceiling of this agent"
    if beyond := line.scopes - capability.scopes:
        return (
            f"{line.capability} has no {', '.join(sorted(beyond))}: send some of "
            f"{', '.join(sorted(capability.scopes))}"
        )
    return ""


def _line(line: Ceiling, request: OpenTask, published: Published) -> Ceiling:
    capability = _known(line, request, published)
    found = _open_to(capability, request, published) if capability else frozenset[str]()
    return Ceiling(line.capability, found) if len(found) == 1 else line


def _known(line: Ceiling, request: OpenTask, published: Published) -> Capability | None:
    capability = published.capabilities.get(line.capability)
    return capability if capability and request.tenant in capability.tenants else None


def _open_to(capability: Capability, request: OpenTask, published: Published) -> frozenset[str]:
    """Return the scopes that the agent's ceiling leaves; that of another tenant's is not read."""
    agent = published.facts.agent(request.agent)
    if agent is None or agent.tenant != request.tenant:
        return capability.scopes
    return frozenset(
        scope for scope in capability.scopes if not agent.beyond(capability.name, [scope])
    )
