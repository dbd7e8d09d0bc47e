"""What a query is shown of the facts: made once, kept until a fact or the time changes it.

- Only what the query names, and what is above that, is shown; where that is nothing but what the
  bundle registers, Cedar gets the bundle's own entities, which were read when it was loaded.
- A view is one revision's. What Cedar has read for it is kept by its text, so that views which a
  revision leaves alone cost no second reading, and remembered answers stay (``serial``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cedarpy import Entities

from broker.errors import TooManyFactsError
from broker.facts.facts import Facts
from broker.facts.review import review_ends_ms
from broker.facts.slices import Slice
from broker.model.fact import Ref, Thing, ThingKind, person_ref, tool_ref
from broker.model.principal import Kind
from broker.policy.above import assigned, lines
from broker.policy.bounded import Bounded
from broker.policy.built_in import NO_FACTS, Refusal, beyond, refusal
from broker.policy.entity import Entity, EntityName
from broker.policy.hours import earlier
from broker.policy.named import ENTITY_TYPES, Named, caller_name, entity_name
from broker.policy.parsed import MOST, MOST_ENTITIES, EntitySet, Parsed
from broker.policy.query import Query
from broker.policy.shown import with_all_above
from broker.policy.things import WORK, Things

PATIENCE_MS: Final = 1_000
"""After this, what was too much to look at is looked at again."""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown, and what was found on the way.

    ``tickets`` and ``behalf`` are those of the task that are registered; ``tool`` is the one that
    the caller speaks of, if it is; ``facts`` the relationships in one line each; ``until_ms`` when
    the view is another one by time alone, 0 is never. ``stranger`` is the task's agent where it is
    another tenant's: it is shown as nobody would be. With a ``refusal`` there is nothing to ask of
    policy; with a ``fault`` nothing can be
    asked, as what is shown would be a part only.
    """

    shown: EntitySet
    fault: str = ""
    refusal: Refusal | None = None
    tickets: tuple[EntityName, ...] = ()
    behalf: EntityName | None = None
    facts: tuple[str, ...] = ()
    until_ms: int = 0
    stranger: EntityName | None = None
    tool: Thing | None = None


class Views:
    """Makes views of one revision of the facts, over one bundle."""

    def __init__(
        self, things: Things, base: Entities, parsed: Parsed, facts: Facts | None = None
    ) -> None:
        self._things = things
        self._base = EntitySet(0, base, 0)
        self._parsed = parsed
        self._facts = facts
        self._whole = View(self._base)
        self._nobody = View(self._base, refusal=NO_FACTS)
        self._kept: Bounded[Named, View] = Bounded(MOST, MOST_ENTITIES)

    def over(self, facts: Facts) -> "Views":
        """Return views of another revision."""
        return Views(self._things, self._base.entities, self._parsed, facts)

    def anew(self) -> "Views":
        """Return the same views with nothing kept: instants of another clock are others."""
        return Views(self._things, self._base.entities, self._parsed, self._facts)

    @property
    def revision(self) -> int:
        """Which revision of the facts log is seen."""
        return 0 if self._facts is None else self._facts.revision

    def of(self, named: Named, now_ms: int) -> View:
        """Return what is shown of these names at an instant."""
        if self._facts is None:
            return self._whole if named.kind is not Kind.PERSON else self._nobody
        kept = self._kept.get(named)
        if kept is not None and (not kept.until_ms or now_ms < kept.until_ms):
            return kept
        try:
            view = self._make(self._facts, named, now_ms)
        except (TooManyFactsError, ValueError) as error:
            view = View(self._base, fault=str(error), until_ms=now_ms + PATIENCE_MS)
        self._kept.put(named, view, view.shown.size)
        return view

    def refusal(self, view: View, query: Query) -> Refusal | None:
        """Return why nothing is asked of policy: for who it is about, or for what is asked."""
        if view.refusal is not None or self._facts is None:
            return view.refusal
        return beyond(self._facts, query)

    def entities(self, named: Named, now_ms: int) -> tuple[Entity, ...]:
        """Return the entities themselves of what is shown, in their order.

        Raises:
            TooManyFactsError: it is more than one decision can look at.
        """
        if self._facts is None:
            return with_all_above(_names(named), self._things.base)
        return self._entities(self._facts, named, _slice(self._facts, named, now_ms), now_ms)

    def _make(self, facts: Facts, named: Named, now_ms: int) -> View:
        agents, person = _agents(facts, named), _person(named)
        refused = refusal(facts, named.tenant, agents, named.above, now_ms, person=person)
        if refused is not None:
            return View(self._base, refusal=refused)
        found = _slice(facts, named, now_ms)
        behalf = _behalf(named)
        tickets = sorted(entity_name(ref) for ref in _tickets(named) if ref in found.things)
        entities = self._entities(facts, named, found, now_ms)
        stranger = _stranger(facts, named)
        shown = self._shown(entities) if stranger is None else self._parsed.read(entities)
        parents = {entity.name: entity.parents for entity in entities}
        return View(
            shown=shown,
            stranger=stranger,
            tickets=tuple(tickets),
            behalf=entity_name(behalf) if behalf and behalf in found.things else None,
            tool=_found(found, _tool(named)),
            # What the bundle itself says is told as the groups that somebody is in.
            facts=() if shown is self._base else lines(found, parents),
            until_ms=earlier(found.until_ms, _reviews_end_ms(facts, named.above)),
        )

    def _shown(self, entities: Sequence[Entity]) -> EntitySet:
        base = self._things.base
        if all(base.get(entity.name) == entity for entity in entities):
            return self._base
        return self._parsed.read(entities)

    def _entities(
        self, facts: Facts, named: Named, found: Slice, now_ms: int
    ) -> tuple[Entity, ...]:
        stranger = _stranger(facts, named)
        names = (name for name in _names(named) if name != stranger)
        made = {entity.name: entity for entity in self._of_base(names)}
        for ref, thing in found.things.items():
            parents = found.parents[ref]
            if ref.kind is ThingKind.AGENT:
                stands = found.owners[ref]
                entity = self._things.agent(thing, parents, owner_stands=stands, now_ms=now_ms)
            elif self._things.knows(entity_name(ref)):
                entity = self._things.other(thing, parents)
            else:
                entity = self._things.base.get(entity_name(ref)) or Entity(entity_name(ref))
            made[entity.name] = entity
        made |= {entity.name: entity for entity in self._about(facts, named, made)}
        work = self._work(named, found)
        if work is not None:
            made[work.name] = work
        known = (entity for name, entity in made.items() if self._is_known(name))
        return tuple(sorted(known, key=lambda entity: entity.name))

    def _is_known(self, name: EntityName) -> bool:
        return name in self._things.base or self._things.knows(name)

    def _of_base(self, names: Iterable[EntityName]) -> Iterator[Entity]:
        """Yield what only the bundle says anything of."""
        found = map(self._things.base.get, names)
        yield from (entity for entity in found if entity is not None)

    def _about(
        self, facts: Facts, named: Named, made: dict[EntityName, Entity]
    ) -> Iterator[Entity]:
        """Yield the capability with what it is about, which is there even when nobody knows it."""
        ref = _about(facts, named)
        about = None if ref is None else entity_name(ref)
        capability = self._things.capability(named.capability, about)
        if capability is not None:
            yield capability
        if about is not None and about not in made and self._things.knows(about):
            yield self._things.unknown(about)

    def _work(self, named: Named, found: Slice) -> Entity | None:
        """Make the task as a thing, where it is in any ticket."""
        agent = next((ref for ref in found.things if _is_agent(ref, named.agent)), None)
        if agent is None or not self._things.knows(WORK):
            return None
        tickets = assigned(found, agent).intersection(_tickets(named))
        names = tuple(sorted(map(entity_name, tickets)))
        return Entity(WORK, {}, names) if names else None


def _names(named: Named) -> tuple[EntityName, ...]:
    return (
        caller_name(named.kind, named.principal, named.tenant),
        EntityName(ENTITY_TYPES[Kind.AGENT], named.agent),
        EntityName("Capability", named.capability),
    )


def _agents(facts: Facts, named: Named) -> list[Thing]:
    callers = [named.principal] if named.kind is Kind.AGENT else []
    assigned = [] if _stranger(facts, named) else [named.agent]
    found = (facts.agent(name) for name in dict.fromkeys([*callers, *assigned]))
    return [thing for thing in found if thing is not None]


def _stranger(facts: Facts, named: Named) -> EntityName | None:
    """Return the task's agent if it is another tenant's, and not the caller itself (I16)."""
    is_caller = named.kind is Kind.AGENT and named.principal == named.agent
    agent = None if is_caller else facts.agent(named.agent)
    return None if agent is None or agent.tenant == named.tenant else entity_name(agent.ref)


def _reviews_end_ms(facts: Facts, names: Iterable[str]) -> int:
    """Return the first instant from which one of these agents is overdue; 0 is never."""
    found = (facts.agent(name) for name in names)
    ends = [review_ends_ms(thing) for thing in found if thing is not None]
    return min(filter(None, ends), default=0)


def _slice(facts: Facts, named: Named, now_ms: int) -> Slice:
    more = (*_tickets(named), _behalf(named), _about(facts, named), _person(named), _tool(named))
    roots = [agent.ref for agent in _agents(facts, named)]
    return facts.slice([*roots, *(ref for ref in more if ref is not None)], now_ms)


def _is_agent(ref: Ref, name: str) -> bool:
    return ref.kind is ThingKind.AGENT and ref.name == name


def _tickets(named: Named) -> tuple[Ref, ...]:
    return tuple(Ref(ThingKind.TICKET, named.tenant, name) for name in named.tickets)


def _behalf(named: Named) -> Ref | None:
    return person_ref(named.tenant, named.behalf) if named.behalf else None


def _person(named: Named) -> Ref | None:
    """Return the caller where it is a person: one of the task's tenant, or nobody."""
    return person_ref(named.tenant, named.principal) if named.kind is Kind.PERSON else None


def _found(found: Slice, ref: Ref | None) -> Thing | None:
    return None if ref is None else found.things.get(ref)


def _tool(named: Named) -> Ref | None:
    """Return the tool that the caller speaks of, as it would be registered: in this tenant."""
    return tool_ref(named.tenant, named.tool) if named.tool else None


def _about(facts: Facts, named: Named) -> Ref | None:
    """Find what a capability is about, in the tenant of the task."""
    about = facts.base.about.get(named.capability)
    return None if about is None else Ref(about[0], named.tenant, about[1])
