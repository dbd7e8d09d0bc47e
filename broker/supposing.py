"""Questions that nobody has put, made of what is registered in one tenant."""

from msgspec import convert

from broker.errors import AttestationError, InvalidRequestError, NotFoundError
from broker.governance.published import Published
from broker.model.capability import Capability, Ceiling
from broker.model.fact import person_ref
from broker.model.principal import Kind, Principal
from broker.model.requests import Supposed
from broker.policy.query import Action, Query, TaskFacts

_TTL_MS = 60_000
"""For a task that nobody stated a time for."""


def supposed_query(published: Published, asked: Supposed) -> Query:
    """Make the question. Whoever it names has to be of its tenant: absent and foreign look alike.

    Raises:
        NotFoundError: agent, caller or capability is none of the tenant.
        InvalidRequestError: the action is none, or it does not go with what is asked for.
    """
    action = _action(asked)
    _require_agent(published, asked.agent, asked.tenant)
    capability = _capability(published, asked, action)
    default_ms = _TTL_MS if capability is None else capability.default_ttl_ms
    return Query(
        action=action,
        principal=_principal(published, asked),
        task=_task(asked),
        capability=capability,
        ceiling=() if capability is None else (Ceiling(capability.name, asked.scopes),),
        scopes=asked.scopes,
        ttl_ms=asked.ttl_ms or default_ms,
        labels=asked.labels,
        tool=asked.tool,
    )


def _action(asked: Supposed) -> Action:
    if asked.action not in list(Action):
        known = ", ".join(Action)
        raise InvalidRequestError(f"no such action: known are {known}", field="action")
    return convert(asked.action, Action)


def _require_agent(published: Published, name: str, tenant: str) -> None:
    agent = published.facts.agent(name)
    if agent is None or agent.tenant != tenant:
        raise NotFoundError("no such agent")


def _require_person(published: Published, name: str, tenant: str) -> None:
    if published.facts.thing(person_ref(tenant, name)) is None:
        raise NotFoundError("no such caller")


def _capability(published: Published, asked: Supposed, action: Action) -> Capability | None:
    if not action.is_about_credential:
        if asked.capability or asked.scopes:
            raise InvalidRequestError("it is about no credential", field="capability")
        return None
    if not asked.capability:
        raise InvalidRequestError("name what is asked for", field="capability")
    capability = published.capabilities.get(asked.capability)
    if capability is None or asked.tenant not in capability.tenants:
        raise NotFoundError("no such capability")
    return capability


def _principal(published: Published, asked: Supposed) -> Principal:
    caller = Principal(
        kind=asked.kind,
        name=asked.name,
        tenants=frozenset({asked.tenant}),
        instance="",
        issuer="",
        subject=asked.name,
        expires_at_ms=0,
    )
    if asked.kind is Kind.AGENT:
        _require_agent(published, asked.name, asked.tenant)
        return caller
    if asked.kind is Kind.PERSON:
        _require_person(published, asked.name, asked.tenant)
        return caller
    try:
        return published.registry.confirm(caller)
    except AttestationError as error:
        raise NotFoundError("no such caller") from error


def _task(asked: Supposed) -> TaskFacts:
    return TaskFacts(
        id="",
        name="supposed",
        tenant=asked.tenant,
        agent=asked.agent,
        opener=f"{asked.kind}:{asked.name}",
        on_behalf_of=asked.on_behalf_of,
        tickets=asked.tickets,
        resources=asked.resources,
        depth=1 if asked.action == Action.DELEGATE_TASK else 0,
    )
