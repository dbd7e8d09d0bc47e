"""The registered agents in their one order, tenant by tenant, so that a list can have pages."""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from broker.governance.document import BundleDocument
from broker.governance.records import AgentRecord
from broker.model.principal import ALL_TENANTS


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An agent's record, and its teams however membership was stated."""

    record: AgentRecord
    teams: tuple[str, ...]


class Roster:
    """All agents of one published bundle, whatever their status. Immutable."""

    def __init__(self, document: BundleDocument) -> None:
        teams = _teams(document)
        self._agents = {
            record.name: Enrolled(record, tuple(sorted(teams.get(record.name, ()))))
            for record in sorted(document.agents, key=lambda record: record.name)
        }
        self._names: dict[str, list[str]] = {}
        for name, enrolled in self._agents.items():
            self._names.setdefault(enrolled.record.tenant, []).append(name)

    def find(self, name: str) -> Enrolled | None:
        """Return an agent."""
        return self._agents.get(name)

    def beyond(self, tenants: Collection[str], tenant: str, name: str) -> Iterator[Enrolled]:
        """Yield the tenants' agents that come after a place, by tenant and name.

        No other tenant's agent is looked at, so a place that is written down names none (I16).
        """
        for each in sorted(self._names):
            if each < tenant or not (each in tenants or ALL_TENANTS in tenants):
                continue
            names = self._names[each]
            first = bisect_right(names, name) if each == tenant else 0
            for at in range(first, len(names)):
                yield self._agents[names[at]]


def _teams(document: BundleDocument) -> dict[str, set[str]]:
    teams: dict[str, set[str]] = {record.name: set(record.teams) for record in document.agents}
    for team in document.teams:
        for member in team.members:
            teams.setdefault(member, set()).add(team.name)
    return teams
