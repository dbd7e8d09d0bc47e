"""How the claims of a token become a kind, a name, a tenant and an instance."""

from collections.abc import Iterator

import msgspec

from broker import text
from broker.errors import InvalidRequestError
from broker.model.principal import Kind
from broker.settings.fault import Fault

_DELIMITERS = (":", "/", "|", "#")


class KindByClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kind follows from a claim; a value that is not listed is refused."""

    claim: str
    values: dict[str, Kind]


class NameByClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name is a claim without the prefix, or what ``values`` lists for the claim.

    A value that lacks the prefix, or that is not listed, is refused.
    """

    claim: str
    prefix: str = ""
    values: dict[str, str] = {}


class TenantMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tenant is a claim, or the same for all."""

    claim: str = ""
    value: str = ""


class SessionByClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claim that names the issuer's session with the bearer; ``sid`` in OpenID Connect."""

    claim: str


class InstanceByClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The instance is one claim. Several are written as a list and joined by ``/``.

    Where tokens may lack the claim, ``otherwise`` names the one that stands in for it; an instance
    of that origin reads ``claim:value``, so that it is never taken for one of the other.
    """

    claim: str
    otherwise: str = ""


class MapDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who the bearer is.

    Without ``tenant``, or when its claim is optional and missing, the registry alone says whose
    the bearer is.
    """

    kind: Kind | KindByClaim
    name: NameByClaim
    instance: InstanceByClaim | tuple[str, ...]
    tenant: TenantMap | None = None
    session: SessionByClaim | None = None

    @property
    def narrows(self) -> bool:
        """Tell whether the map itself refuses some subjects of the issuer."""
        return isinstance(self.kind, KindByClaim) or bool(self.name.prefix or self.name.values)

    @property
    def instance_claims(self) -> tuple[str, ...]:
        """The claims that make up the instance, in order."""
        if isinstance(self.instance, InstanceByClaim):
            return (self.instance.claim,)
        return self.instance

    @property
    def stand_in(self) -> str:
        """The claim that stands in when a token lacks the instance's; empty when none may."""
        return self.instance.otherwise if isinstance(self.instance, InstanceByClaim) else ""

    def claims(self) -> Iterator[tuple[str, str]]:
        """Yield each claim that is read, with the member of the map that reads it."""
        if isinstance(self.kind, KindByClaim):
            yield "kind", self.kind.claim
        yield "name", self.name.claim
        if self.tenant is not None and self.tenant.claim:
            yield "tenant", self.tenant.claim
        if self.session is not None:
            yield "session", self.session.claim
        yield from (("instance", claim) for claim in self._demanded_for_instance())

    def _demanded_for_instance(self) -> tuple[str, ...]:
        return (self.stand_in,) if self.stand_in else self.instance_claims

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        if isinstance(self.kind, KindByClaim) and not self.kind.values:
            yield Fault(("kind", "values"), "lists no value", "map at least one value to a kind")
        yield from _name_faults(self.name)
        if not self.instance_claims:
            yield Fault(("instance",), "lists no claim", "name what tells two running copies apart")
        if self.stand_in.startswith("/"):
            yield Fault(("instance", "otherwise"), "is a pointer", "name a claim of the token")
        if self.tenant is not None and bool(self.tenant.claim) == bool(self.tenant.value):
            yield Fault(
                ("tenant",), "has both or neither of claim and value", "give exactly one of them"
            )


def _name_faults(name: NameByClaim) -> Iterator[Fault]:
    if name.prefix and name.values:
        yield Fault(("name",), "has both prefix and values", "leave the prefix out")
    if name.prefix and not name.prefix.endswith(_DELIMITERS):
        yield Fault(
            ("name", "prefix"),
            f"{name.prefix!r} is also the beginning of longer names",
            f"end it with one of {' '.join(_DELIMITERS)}",
        )
    yield from _listed_name_faults(name.values)


def _listed_name_faults(values: dict[str, str]) -> Iterator[Fault]:
    for value, name in values.items():
        try:
            text.parse_name(name, field=value)
        except InvalidRequestError as error:
            yield Fault(("name", "values", value), str(error), "give a registered name")
