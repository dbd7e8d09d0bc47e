"""What a preset is: the part of a declaration that is alike for all issuers of a kind."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.declared_claims import ClaimsDeclaration
from broker.attestation.declared_map import InstanceByClaim, NameByClaim
from broker.model.principal import Kind
from broker.settings.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a preset fills in.

    ``tells_apart`` says in words what tells two running copies apart. ``shared_audience`` matches
    the audiences that tokens of this kind have for somebody else: a broker that took them would
    take tokens that others hold.
    """

    tells_apart: str
    issuer: str = ""
    algorithms: tuple[str, ...] | None = None
    kind: Kind | None = None
    named: NameByClaim | None = None
    instance: InstanceByClaim | tuple[str, ...] | None = None
    claims: ClaimsDeclaration = field(default_factory=ClaimsDeclaration)
    max_lifetime_seconds: int = 86_400
    shared_audience: re.Pattern[str] | None = None

    def faults(self, declaration: IssuerDeclaration) -> Iterator[Fault]:
        """Yield what is wrong with a declaration that this preset has filled in."""
        audience = declaration.audience
        is_shared = self.shared_audience is not None and self.shared_audience.fullmatch(audience)
        if self is not NO_PRESET and (audience == declaration.issuer or is_shared):
            yield Fault(
                ("audience",),
                f"{audience!r} is what tokens for others are made out to",
                "have tokens made for an audience of the broker's own",
            )


NO_PRESET = Preset(tells_apart="")
"""Fills in nothing: the declaration is written by hand."""
