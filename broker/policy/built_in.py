"""What is refused before any policy is asked, in this one place.

Policies decide about those who are in order. Whoever is held, has nobody who answers for it, or was
not reviewed in time, is not; and no permit that somebody forgot to narrow lets it through. Nor does
one reach beyond an agent's own ceiling.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from broker.facts.facts import Facts
from broker.facts.review import is_overdue
from broker.model.fact import Ref, Thing
from broker.model.principal import Kind
from broker.policy.engine import DenyReason
from broker.policy.query import Action, Query


class Refusal(NamedTuple):
    """The reason, and for operators what is to be mended."""

    reason: DenyReason
    why: str


NO_FACTS: Final = Refusal(DenyReason.PERSON_GONE, "built in: people are known by facts alone")
"""What a person is answered while there are no facts."""


def refusal(
    facts: Facts,
    tenant: str,
    agents: Iterable[Thing],
    above: Iterable[str],
    now_ms: int,
    *,
    person: Ref | None = None,
) -> Refusal | None:
    """Say why a request is refused that these agents and this person have a part in, or None.

    ``agents`` are the caller, if it is one, and the task's. ``above`` are the names of those who
    have handed the task on: what they had to give ends with them. ``person`` is the caller, if it
    is one.
    """
    agents = tuple(agents)
    for each in sorted({tenant, *(agent.tenant for agent in agents)}):
        if facts.tenant_hold(each) is not None:
            return Refusal(DenyReason.TENANT_HELD, f"built in: tenant {each} is held")
    if person is not None and not facts.stands(person):
        return _of_person(facts, person)
    found = (_of(facts, agent, now_ms) for agent in agents)
    handed = (_of_above(facts, tenant, name, now_ms) for name in above)
    return next((each for each in chain(found, handed) if each is not None), None)


def beyond(facts: Facts, query: Query) -> Refusal | None:
    """Say what of a request is more than an agent that has a part in it may be granted, or None.

    It counts for a task that is opened, with all that its ceiling leaves room for, and for each
    credential; of whoever has handed the task on, too.
    """
    for agent in _with_ceilings(facts, query):
        left_out = [pair for line in _wanted(query) for pair in agent.beyond(*line)]
        if left_out:
            why = f"built in: beyond the ceiling of {agent.ref}: {', '.join(left_out)}"
            return Refusal(DenyReason.BEYOND_AGENT_CEILING, why)
    return None


def _with_ceilings(facts: Facts, query: Query) -> Iterator[Thing]:
    task, caller = query.task, query.principal
    names = dict.fromkeys((*task.above, task.agent), False)
    if caller.kind is Kind.AGENT:
        names[caller.name] = True
    for name, is_caller in names.items():
        agent = facts.agent(name)
        # Of another tenant's nothing is said, unless it asks itself (I16).
        if agent is not None and agent.ceiling and (is_caller or agent.tenant == task.tenant):
            yield agent


def _wanted(query: Query) -> Iterator[tuple[str, frozenset[str]]]:
    if query.capability is not None:
        yield query.capability.name, query.scopes
    elif query.action is not Action.EXTEND_TASK:  # it gives time, and nothing of the ceiling
        yield from ((line.capability, line.scopes) for line in query.ceiling)


def _of_person(facts: Facts, person: Ref) -> Refusal:
    thing = facts.thing(person)
    status = "nobody" if thing is None else thing.status
    stand = "held" if facts.hold(person) is not None else status
    return Refusal(DenyReason.PERSON_GONE, f"built in: {person} is {stand}")


def _of_above(facts: Facts, tenant: str, name: str, now_ms: int) -> Refusal | None:
    agent = facts.agent(name)
    if agent is None or agent.tenant != tenant:
        why = f"built in: agent:{name} is none of {tenant} any more"
        found: Refusal | None = Refusal(DenyReason.AGENT_HELD, why)
    else:
        found = _of(facts, agent, now_ms)
    return None if found is None else found._replace(why=f"{found.why}; it has handed the task on")


def _of(facts: Facts, agent: Thing, now_ms: int) -> Refusal | None:
    if not facts.stands(agent.ref):
        stand = "held" if agent.hold is not None else agent.status
        return Refusal(DenyReason.AGENT_HELD, f"built in: {agent.ref} is {stand}")
    if not facts.owner_stands(agent.ref):
        why = f"built in: the owner of {agent.ref} does not stand: {agent.owner}"
        return Refusal(DenyReason.OWNER_GONE, why)
    if is_overdue(agent, now_ms):
        why = f"built in: {agent.ref} was to be reviewed by {agent.review_by}"
        return Refusal(DenyReason.REVIEW_OVERDUE, why)
    return None
