"""What there may be: which relation joins what, which kind has which fields, and what stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from broker.model.fact import Ref, Relation, Thing, ThingKind

AGENT: Final = ThingKind.AGENT
PERSON: Final = ThingKind.PERSON
TEAM: Final = ThingKind.TEAM
TICKET: Final = ThingKind.TICKET
WORKFLOW: Final = ThingKind.WORKFLOW
DATASET: Final = ThingKind.DATASET
TOOL: Final = ThingKind.TOOL
RESOURCE: Final = ThingKind.RESOURCE

Joined = tuple[ThingKind, ThingKind]

JOINS: Final[Mapping[Relation, frozenset[Joined]]] = MappingProxyType(
    {
        Relation.MEMBER_OF: frozenset({(AGENT, TEAM), (PERSON, TEAM)}),
        Relation.PART_OF: frozenset(
            {(TEAM, TEAM)} | {(s, o) for s in (DATASET, RESOURCE) for o in (DATASET, RESOURCE)}
        ),
        Relation.ASSIGNED_TO: frozenset({(AGENT, TICKET), (TEAM, TICKET)}),
        Relation.CONCERNS: frozenset({(TICKET, DATASET), (TICKET, RESOURCE), (TICKET, TOOL)}),
        Relation.RUNS: frozenset({(AGENT, WORKFLOW), (TEAM, WORKFLOW)}),
        Relation.USES: frozenset({(WORKFLOW, TOOL), (WORKFLOW, DATASET), (WORKFLOW, RESOURCE)}),
        Relation.ENTITLED_TO: frozenset({(PERSON, DATASET), (PERSON, RESOURCE), (PERSON, TOOL)}),
        Relation.ACTS_FOR: frozenset({(AGENT, PERSON)}),
    }
)
"""Who may stand to whom how. Only ``part-of`` leads back to its kinds, so only it makes circles."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of thing says of itself. The first of ``statuses`` is the one that stands."""

    statuses: tuple[str, ...]
    needs: frozenset[str]
    may: frozenset[str] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        """All that it may say."""
        return self.needs | self.may


_STATUS: Final = frozenset({"status"})
_TARGET: Final = Shape(
    ("active", "retired"), _STATUS, frozenset({"owner", "purpose", "data_class"})
)

SHAPES: Final[Mapping[ThingKind, Shape]] = MappingProxyType(
    {
        AGENT: Shape(
            ("active", "suspended", "retired"),
            frozenset({"status", "owner", "purpose"}),
            frozenset({"risk", "data_class", "review_by", "identities", "quota", "ceiling"}),
        ),
        PERSON: Shape(("active", "gone"), _STATUS, frozenset({"identities"})),
        TEAM: Shape((), frozenset(), frozenset({"owner", "purpose"})),
        TICKET: Shape(("open", "closed"), _STATUS, frozenset({"owner", "purpose"})),
        WORKFLOW: Shape(("active", "retired"), _STATUS, frozenset({"owner", "purpose"})),
        DATASET: _TARGET,
        TOOL: Shape(_TARGET.statuses, _TARGET.needs, _TARGET.may | {"origin"}),
        RESOURCE: _TARGET,
    }
)
"""Every kind that can be put. Tenants cannot."""

RISKS: Final = ("low", "medium", "high")
"""As in ``agents.yaml``."""


def may_join(subject: Ref, relation: Relation, object_: Ref) -> bool:
    """Tell whether the kinds go together."""
    return (subject.kind, object_.kind) in JOINS[relation]


def crosses_tenants(subject: Ref, object_: Ref) -> bool:
    """Tell whether a relationship would lead out of a tenant.

    What all tenants share (teams of ``agents.yaml``) can be reached by everybody. It cannot reach
    into one tenant: its members of other tenants would get in.
    """
    return bool(object_.tenant) and subject.tenant != object_.tenant


def stands_by_itself(thing: Thing) -> bool:
    """Tell whether a thing that is known passes on what reaches through it."""
    if thing.hold is not None:
        return False
    shape = SHAPES.get(thing.kind)
    return shape is None or not shape.statuses or thing.status == shape.statuses[0]
