"""What is refused before any policy is asked, in this one place.

Policies decide about those who are in order. Whoever is held, has nobody who answers for it, or was
not reviewed in time, is not; and no permit that somebody forgot to narrow lets it through.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Final, NamedTuple

from broker.facts.facts import Facts
from broker.facts.review import is_overdue
from broker.model.fact import Ref, Thing
from broker.policy.engine import DenyReason


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
