"""Who may say yes to what: the one rule, over the facts of one instant.

- Only a person who stands, in a tenant that is not held, and only for that tenant (I16).
- Nobody agrees to what is her own: she has not asked for it, not opened its task, it is not done on
  her behalf, and no agent that has a part in it acts for her.
- Where the requirement says so, she owns none of these agents, by herself or by a team of hers.
- She is in one of the requirement's teams now, a team of the tenant or one that all tenants share.
- Each person has one voice. It counts for every requirement that she could have agreed to alone.

It is asked when somebody answers, and again, of all who have answered, when what they agreed to is
given and whenever it is decided again: a voice counts as long as she may still raise it.
"""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from broker.facts.facts import Facts
from broker.facts.owners import owner_of
from broker.facts.reach import reach_above, reach_below
from broker.facts.slices import MAX_THINGS
from broker.model.approval import Requirement
from broker.model.fact import Ref, Relation, ThingKind
from broker.policy.query import TaskFacts

_PERSON: Final = f"{ThingKind.PERSON.value}:"
_AGENT: Final = f"{ThingKind.AGENT.value}:"


class Bar(StrEnum):
    """What keeps somebody from agreeing."""

    NOT_STANDING = "not-standing"
    ASKED = "asked-for-it"
    OPENED = "opened-the-task"
    ON_BEHALF = "done-on-her-behalf"
    ACTED_FOR = "an-agent-acts-for-her"
    OWNER = "owns-an-agent"
    NO_GROUP = "in-none-of-the-groups"
    UNSURE = "too-much-to-tell"


class Parties(msgspec.Struct, frozen=True):
    """Who has a part in a request: whoever is among them agrees to nothing in it.

    ``agents`` are those of the task and of the tasks above it; ``opener`` is a principal's ``ref``;
    ``asked_by`` names a person who has asked for it herself, if one has.
    """

    tenant: str
    agents: tuple[str, ...]
    opener: str
    on_behalf_of: str = ""
    asked_by: str = ""

    @classmethod
    def of(cls, task: TaskFacts, *, asked_by: str = "") -> "Parties":
        """Take them from a task."""
        agents = tuple(dict.fromkeys((*task.above, task.agent)))
        return cls(task.tenant, agents, task.opener, task.on_behalf_of, asked_by)

    @property
    def all_agents(self) -> tuple[str, ...]:
        """The agents, the one among them that has opened the task itself included."""
        opened = (self.opener.removeprefix(_AGENT),) if self.opener.startswith(_AGENT) else ()
        return tuple(dict.fromkeys((*self.agents, *opened)))


def bar(
    facts: Facts, person: str, requirement: Requirement, parties: Parties, now_ms: int
) -> Bar | None:
    """Say what keeps a person from agreeing to one requirement, or None."""
    who = Ref(ThingKind.PERSON, parties.tenant, person)
    if facts.tenant_hold(parties.tenant) is not None or not facts.stands(who):
        return Bar.NOT_STANDING
    return _part(facts, person, parties, now_ms) or _place(facts, who, requirement, parties, now_ms)


def may_answer(
    facts: Facts,
    person: str,
    requirements: Iterable[Requirement],
    parties: Parties,
    now_ms: int,
) -> bool:
    """Tell whether a person may agree to any of the requirements: then she may also refuse."""
    return any(bar(facts, person, each, parties, now_ms) is None for each in requirements)


def unmet(
    facts: Facts,
    voices: Collection[str],
    requirements: Sequence[Requirement],
    parties: Parties,
    now_ms: int,
) -> tuple[Requirement, ...]:
    """Return which requirements are not met by those who have agreed, as things are now."""
    people = frozenset(voices)
    return tuple(
        each
        for each in requirements
        if _agreeing(facts, people, each, parties, now_ms) < each.count
    )


def who_may(
    facts: Facts,
    requirements: Iterable[Requirement],
    parties: Parties,
    now_ms: int,
    *,
    limit: int = 50,
) -> tuple[str, ...]:
    """Name those who may answer now, in order; no more than the limit."""
    found: set[str] = set()
    for each in requirements:
        found |= {
            name
            for name in _members(facts, each, parties, now_ms)
            if bar(facts, name, each, parties, now_ms) is None
        }
    return tuple(sorted(found)[:limit])


def _agreeing(
    facts: Facts, people: frozenset[str], asked: Requirement, parties: Parties, now_ms: int
) -> int:
    return sum(bar(facts, name, asked, parties, now_ms) is None for name in people)


def _part(facts: Facts, person: str, parties: Parties, now_ms: int) -> Bar | None:
    """Say which part a person has in it herself."""
    if person == parties.asked_by:
        return Bar.ASKED
    if parties.opener == f"{_PERSON}{person}":
        return Bar.OPENED
    if parties.on_behalf_of.removeprefix(_PERSON) == person:
        return Bar.ON_BEHALF
    who = Ref(ThingKind.PERSON, parties.tenant, person)
    for name in parties.all_agents:
        agent = facts.agent(name)
        if agent is None:
            return Bar.UNSURE  # whose agent it is cannot be told
        for edge in facts.above(agent.ref):
            is_for = edge.relation is Relation.ACTS_FOR and edge.object == who
            if is_for and edge.counts_at(now_ms):
                return Bar.ACTED_FOR
    return None


def _place(
    facts: Facts, who: Ref, requirement: Requirement, parties: Parties, now_ms: int
) -> Bar | None:
    """Say whether a person's teams let her agree."""
    above = reach_above(facts, who, now_ms, limit=MAX_THINGS)
    if not above.is_whole:
        return Bar.UNSURE
    within = {each.ref for each in above.found}
    if requirement.not_owner and not within.isdisjoint(_owners(facts, parties)):
        return Bar.OWNER
    if requirement.not_owner and who in _owners(facts, parties):
        return Bar.OWNER
    return None if within.intersection(_teams(requirement, parties)) else Bar.NO_GROUP


def _owners(facts: Facts, parties: Parties) -> set[Ref]:
    agents = [facts.agent(name) for name in parties.all_agents]
    owners = [owner_of(agent) for agent in agents if agent is not None]
    return {owner for owner in owners if owner is not None}


def _teams(requirement: Requirement, parties: Parties) -> list[Ref]:
    homes = (parties.tenant, "")
    return [Ref(ThingKind.TEAM, home, name) for name in requirement.groups for home in homes]


def _members(
    facts: Facts, requirement: Requirement, parties: Parties, now_ms: int
) -> Iterable[str]:
    for team in _teams(requirement, parties):
        for each in reach_below(facts, team, now_ms).found:
            if each.ref.kind is ThingKind.PERSON and each.ref.tenant == parties.tenant:
                yield each.ref.name
