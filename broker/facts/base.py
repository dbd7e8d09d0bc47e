"""What the published bundle declares, as things and relationships below the log's."""

from collections.abc import Iterable, Mapping
from typing import Final

from broker.facts.owners import owner_of
from broker.model.fact import BUNDLE, Ref, Relationship, Thing, ThingKind, tenant_ref

About = tuple[ThingKind, str]
"""What a capability is about: a kind and a name, in the tenant of whoever asks for it."""


class Base:
    """The things, memberships and capabilities of one bundle. Immutable.

    ``about`` says of each capability that has such a statement what it is about.
    """

    __slots__ = ("about", "above", "agents", "below", "owned", "tenants", "things")

    def __init__(
        self,
        things: Iterable[Thing] = (),
        relationships: Iterable[Relationship] = (),
        about: Mapping[str, About] | None = None,
    ) -> None:
        self.things: Final[Mapping[Ref, Thing]] = {thing.ref: thing for thing in things}
        self.agents: Final[Mapping[str, Ref]] = {
            ref.name: ref for ref in self.things if ref.kind is ThingKind.AGENT
        }
        self.tenants: Final = frozenset(
            ref.name for ref in self.things if ref.kind is ThingKind.TENANT
        )
        self.above: Final[Mapping[Ref, tuple[Relationship, ...]]] = _by_subject(relationships)
        self.below: Final[Mapping[Ref, tuple[Ref, ...]]] = _by_object(self.above)
        self.owned: Final[Mapping[Ref, tuple[Ref, ...]]] = _by_owner(self.things.values())
        self.about: Final[Mapping[str, About]] = dict(about or {})

    @classmethod
    def of_tenants(cls, *names: str) -> "Base":
        """Make a base that knows tenants and nothing else."""
        return cls(tenant_thing(name) for name in names)


def tenant_thing(name: str) -> Thing:
    """Return the thing that a tenant itself is."""
    ref = tenant_ref(name)
    return Thing(kind=ref.kind, tenant=ref.tenant, name=ref.name, source=BUNDLE)


def _by_subject(relationships: Iterable[Relationship]) -> dict[Ref, tuple[Relationship, ...]]:
    found: dict[Ref, list[Relationship]] = {}
    for each in relationships:
        found.setdefault(each.subject, []).append(each)
    return {ref: tuple(edges) for ref, edges in found.items()}


def _by_object(above: Mapping[Ref, tuple[Relationship, ...]]) -> dict[Ref, tuple[Ref, ...]]:
    found: dict[Ref, dict[Ref, None]] = {}
    for subject, edges in above.items():
        for edge in edges:
            found.setdefault(edge.object, {})[subject] = None
    return {ref: tuple(subjects) for ref, subjects in found.items()}


def _by_owner(things: Iterable[Thing]) -> dict[Ref, tuple[Ref, ...]]:
    found: dict[Ref, list[Ref]] = {}
    for thing in things:
        if (owner := owner_of(thing)) is not None:
            found.setdefault(owner, []).append(thing.ref)
    return {ref: tuple(owned) for ref, owned in found.items()}
