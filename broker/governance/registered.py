"""Who is registered, apart from what policy permits.

Taking access away needs to know who an operator is, and nothing of policies: so this can be read
from a published bundle whose policies this broker cannot load (I5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from broker.errors import ConfigurationError
from broker.governance.document import BundleDocument
from broker.governance.published import Published
from broker.governance.registry import Registry
from broker.model.capability import ResourceServer


@dataclass(frozen=True, slots=True)
class Registered:
    """The registered identities and resource servers of one bundle."""

    registry: Registry
    resource_servers: Mapping[str, ResourceServer]

    @classmethod
    def of(cls, published: Published) -> "Registered":
        """Take them from a revision that is in force."""
        return cls(published.registry, published.resource_servers)

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
        return cls(Registry(document), MappingProxyType(document.servers_by_audience()))
