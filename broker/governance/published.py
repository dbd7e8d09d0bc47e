"""What a broker works with: everything of one published revision, built whole and swapped whole.

A request takes :attr:`Current.published` once and uses only that: it never sees a mix of two
revisions. While nothing is published there is nothing to permit by.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from types import MappingProxyType

from broker.clock import Clock
from broker.errors import ConfigurationError, UnavailableError
from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.bundle import Bundle
from broker.governance.document import BundleDocument
from broker.governance.registry import Registry
from broker.model.capability import Capability, CheckMode, ResourceServer
from broker.policy.decider import Decider, Deciding, LocalDecider
from broker.policy.engine import Engine
from broker.policy.lending import Basis, Lending
from broker.settings.limits import QuotaDefaults


class Quotas:
    """How many live credentials each agent and each tenant may have."""

    def __init__(self, document: BundleDocument, defaults: QuotaDefaults) -> None:
        self._agents = {agent.name: agent.quota for agent in document.agents}
        self._tenants = {tenant.name: tenant.quota for tenant in document.tenants}
        self._defaults = defaults
        self._facts: Facts | None = None

    def over(self, facts: Facts) -> "Quotas":
        """Return the same quotas, with those of the agents that these facts know."""
        other = copy(self)
        other._facts = facts  # noqa: SLF001 - its own kind
        return other

    def of_agent(self, name: str) -> int:
        """Return what the agent's record states, or the default."""
        if name in self._agents or self._facts is None:
            return self._agents.get(name) or self._defaults.agent
        agent = self._facts.agent(name)
        return self._defaults.agent if agent is None else agent.quota or self._defaults.agent

    def of_tenant(self, name: str) -> int:
        """Return what the tenant's record states, or the default."""
        return self._tenants.get(name) or self._defaults.tenant


@dataclass(frozen=True, slots=True)
class Published:
    """One revision of everything. ``digest`` is the bundle's."""

    revision: int
    digest: str
    engine: Engine
    registry: Registry
    capabilities: Mapping[str, Capability]
    resource_servers: Mapping[str, ResourceServer]
    quotas: Quotas
    offline_ttl_ms: int
    """How long a token may live that nobody can take back."""
    facts: Facts
    """Things and relationships: what the bundle declares, and above it the facts log."""
    deciding: Deciding = LocalDecider

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        *,
        revision: int,
        quotas: QuotaDefaults,
        clock: Clock,
        deciding: Deciding = LocalDecider,
    ) -> "Published":
        """Build it: ``quotas`` and ``deciding`` are the settings'; ``clock`` judges instants."""
        document = bundle.document
        return cls(
            revision=revision,
            digest=bundle.digest,
            engine=bundle.engine(revision=revision, clock=clock),
            registry=Registry(document),
            capabilities=MappingProxyType(document.capabilities_by_name()),
            resource_servers=MappingProxyType(document.servers_by_audience()),
            quotas=Quotas(document, quotas),
            offline_ttl_ms=document.offline_max_ttl_seconds * 1000,
            facts=Facts(base=base_of(document)),
            deciding=deciding,
        )

    @property
    def graph(self) -> int:
        """The revision of the facts log that decisions read."""
        return self.facts.revision

    def with_facts(self, facts: Facts) -> "Published":
        """Return the same revision over what the facts log says."""
        known = facts.over(self.facts.base)
        return replace(
            self,
            facts=known,
            engine=self.engine.over(known),
            registry=self.registry.over(known),
            quotas=self.quotas.over(known),
        )

    @property
    def decider(self) -> Decider:
        """What the verbs ask. It follows from the engine, so it never speaks for another one."""
        return Lending(self.deciding(self.engine), self.basis)

    @property
    def basis(self) -> Basis:
        """By what is decided besides."""
        return Basis(self.registry.confirm, self.revision, self.graph)

    def longest_ms(self, capability: Capability, obliged_ms: int | None) -> int:
        """Return the longest life that a capability, its audience and the obligations allow."""
        bounds = [capability.max_ttl_ms]
        if obliged_ms is not None:
            bounds.append(obliged_ms)
        server = self.resource_servers.get(capability.audience)
        is_offline = server is None or server.check is CheckMode.OFFLINE
        if is_offline and not capability.target:  # a target is told, whoever registered it
            bounds.append(self.offline_ttl_ms)
        return min(bounds)


Build = Callable[[Bundle, int], Published]
"""Makes what a bundle comes to as a revision of this number."""


def builder(quotas: QuotaDefaults, deciding: Deciding, clock: Clock) -> Build:
    """Return how one broker builds every revision: by its settings, and by its clock."""

    def build(bundle: Bundle, revision: int) -> Published:
        return Published.of(
            bundle, revision=revision, quotas=quotas, deciding=deciding, clock=clock
        )

    return build


class Current:
    """The revision in force in this process. Replacing it is one assignment."""

    def __init__(self) -> None:
        self._published: Published | None = None

    @property
    def published(self) -> Published:
        """The revision in force.

        Raises:
            UnavailableError: none is, so the broker only revokes.
        """
        if self._published is None:
            raise UnavailableError("no policies are published: run `broker apply`")
        return self._published

    @property
    def revision(self) -> int:
        """The number of the revision in force, 0 when there is none."""
        return 0 if self._published is None else self._published.revision

    def replace(self, published: Published) -> bool:
        """Put a newer revision, or newer facts, in force; tell whether they were newer.

        A late reader of an older revision changes nothing: a decision never goes back.

        Raises:
            ConfigurationError: the same revision with other content: two were published as one.
        """
        in_force = self._published
        if in_force is not None and published.revision <= in_force.revision:
            if published.revision == in_force.revision and published.digest != in_force.digest:
                raise ConfigurationError(f"revision {published.revision} exists with other content")
            if published.revision < in_force.revision or published.graph <= in_force.graph:
                return False
        self._published = published
        return True
