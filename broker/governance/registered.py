"""Who is registered, apart from what policy permits.

Taking access away needs to know who an operator is, and nothing of policies: so this can be read
from a published bundle whose policies this broker cannot load (I5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec

from broker.errors import ConfigurationError
from broker.facts.base import Base
from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.document import BundleDocument
from broker.governance.registry import Registry
from broker.governance.roster import Roster
from broker.model.capability import Capability, ResourceServer


@dataclass(frozen=True, slots=True)
class Registered:
    """The registered identities, capabilities, resource servers and tenants of one bundle."""

    registry: Registry
    roster: Roster
    capabilities: Mapping[str, Capability]
    resource_servers: Mapping[str, ResourceServer]
    tenants: tuple[str, ...]
    base: Base

    @classmethod
    def read(cls, raw: bytes) -> "Registered":
        """Read them from a bundle, whatever its policies are worth.

        Raises:
            ConfigurationError: it is no bundle at all.
        """
        try:
            document = msgspec.json.decode(raw, type=BundleDocument)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigurationError(f"published bundle: not a bundle: {error}") from error
        base = base_of(document)
        return cls(
            registry=Registry(document),
            roster=Roster(Facts(base=base)),
            capabilities=MappingProxyType(document.capabilities_by_name()),
            resource_servers=MappingProxyType(document.servers_by_audience()),
            tenants=tuple(tenant.name for tenant in document.tenants),
            base=base,
        )

    def over(self, facts: Facts) -> "Registered":
        """Return the same, with the agents that the facts log registers."""
        known = facts.over(self.base)
        return replace(self, registry=self.registry.over(known), roster=Roster(known))
