"""What was asked when a lease was given what it has: kept beside it, to be asked again."""

from collections.abc import Mapping

import msgspec

from broker.model.principal import Kind, Principal
from broker.model.tool import Tool


class Asker(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asked, as it was attested: of its evidence only what policy may read."""

    name: str
    tenants: frozenset[str]
    instance: str
    issuer: str
    subject: str
    kind: Kind = Kind.AGENT
    claims: Mapping[str, str | int | bool] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, caller: Principal) -> "Asker":
        """Leave out what only that one request was: its proofs, and the name of its evidence."""
        return cls(
            name=caller.name,
            tenants=caller.tenants,
            instance=caller.instance,
            issuer=caller.issuer,
            subject=caller.subject,
            kind=caller.kind,
            claims=caller.claims,
        )

    def principal(self) -> Principal:
        """Return who it was; the end of its evidence has bounded the lease already."""
        return Principal(
            kind=self.kind,
            name=self.name,
            tenants=self.tenants,
            instance=self.instance,
            issuer=self.issuer,
            subject=self.subject,
            expires_at_ms=0,
            claims=self.claims,
        )


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """The half of a question that never changes; the other half is the facts.

    ``ttl_ms`` and ``scopes`` are what was asked for, which may be more than was given. A renewal
    takes the place of the first question: it gave what the lease has now.
    """

    by: Asker
    scopes: frozenset[str]
    ttl_ms: int
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    is_renewal: bool = False
    tool: Tool | None = None
