"""One issuer as an operator writes it: whole by itself, or a preset and what narrows it.

A preset only fills in what a hand-written declaration says as well; what comes out is one
:class:`~broker.attestation.declaration.IssuerDeclaration` either way, and nothing behind it knows
of presets. Narrowing adds demands and never takes one of the preset's away.
"""

from collections.abc import Container, Iterator
from typing import Literal, TypeAlias

import msgspec

from broker.attestation.attested import Scalar
from broker.attestation.declaration import IssuerDeclaration, below
from broker.attestation.declared_claims import ClaimsDeclaration
from broker.attestation.declared_keys import KeysDeclaration
from broker.attestation.declared_map import (
    InstanceByClaim,
    KindByClaim,
    MapDeclaration,
    NameByClaim,
    SessionByClaim,
    TenantMap,
)
from broker.attestation.declared_review import TokenReviewDeclaration
from broker.attestation.header import ABSENT
from broker.attestation.preset import NO_PRESET, Preset
from broker.attestation.presets import PRESETS
from broker.model.principal import Kind
from broker.settings.fault import Fault

PresetName = Literal["oidc", "kubernetes", "github-actions", "google", "aws"]
Demand: TypeAlias = Scalar | tuple[Scalar, ...]


class MapStanza(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who the bearer is, as far as the stanza says it; the preset says the rest."""

    kind: Kind | KindByClaim | None = None
    name: NameByClaim | None = None
    instance: InstanceByClaim | tuple[str, ...] | None = None
    tenant: TenantMap | None = None
    session: SessionByClaim | None = None


class IssuerStanza(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of ``issuers``. Without a preset everything has to be there."""

    name: str
    preset: PresetName | None = None
    issuer: str = ""
    audience: str
    algorithms: tuple[str, ...] | None = None
    keys: KeysDeclaration | None = None
    claims: ClaimsDeclaration | None = None
    mapping: MapStanza = msgspec.field(name="map", default_factory=MapStanza)
    max_lifetime_seconds: int | None = None
    leeway_seconds: int = 30
    typ: tuple[str, ...] = (ABSENT, "JWT")
    token_review: TokenReviewDeclaration | None = None

    @property
    def defaults(self) -> Preset:
        """What fills in the gaps."""
        return PRESETS[self.preset] if self.preset else NO_PRESET

    def declaration(self) -> IssuerDeclaration | None:
        """Return the whole declaration; ``None`` while something is missing in it."""
        preset = self.defaults
        mapping = self._mapping(preset)
        algorithms = preset.algorithms if self.algorithms is None else self.algorithms
        if mapping is None or algorithms is None or self._missing():
            return None
        return IssuerDeclaration(
            name=self.name,
            issuer=self.issuer or preset.issuer,
            audience=self.audience,
            algorithms=algorithms,
            keys=self._keys(),
            claims=_merged(preset.claims, self.claims or ClaimsDeclaration()),
            mapping=mapping,
            max_lifetime_seconds=self._lifetime(preset),
            leeway_seconds=self.leeway_seconds,
            typ=self.typ,
            common=frozenset(preset.claims.verified),
            token_review=self.token_review,
        )

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong, here, below, and in what comes out."""
        for path in self._missing():
            yield Fault(path, "missing", "add it, or name a preset that knows it")
        yield from self._widening_faults()
        if self.claims is not None:
            yield from below("claims", self.claims.faults())
        if (declaration := self.declaration()) is not None:
            yield from self.defaults.faults(declaration)
            yield from declaration.faults()

    def _missing(self) -> list[tuple[str, ...]]:
        preset = self.defaults
        present = {
            ("issuer",): bool(self.issuer or preset.issuer),
            ("algorithms",): self.algorithms is not None or preset.algorithms is not None,
            ("keys",): self.keys is not None or preset is not NO_PRESET,
            ("claims",): self.claims is not None or preset is not NO_PRESET,
            ("map", "kind"): self.mapping.kind is not None or preset.kind is not None,
            ("map", "name"): self.mapping.name is not None or preset.named is not None,
            ("map", "instance"): self.mapping.instance is not None or preset.instance is not None,
        }
        return [path for path, is_there in present.items() if not is_there]

    def _mapping(self, preset: Preset) -> MapDeclaration | None:
        own = self.mapping
        kind, name = own.kind or preset.kind, own.name or preset.named
        instance = preset.instance if own.instance is None else own.instance
        if kind is None or name is None or instance is None:
            return None
        return MapDeclaration(
            kind=kind, name=name, instance=instance, tenant=own.tenant, session=own.session
        )

    def _lifetime(self, preset: Preset) -> int:
        own = self.max_lifetime_seconds
        return preset.max_lifetime_seconds if own is None else own

    def _keys(self) -> KeysDeclaration:
        keys = self.keys or KeysDeclaration()
        is_filled = keys.names_source or self.defaults is NO_PRESET
        return keys if is_filled else msgspec.structs.replace(keys, discovery=True)

    def _widening_faults(self) -> Iterator[Fault]:
        claims, preset = self.claims or ClaimsDeclaration(), self.defaults.claims
        for path in claims.ignored:
            if preset.is_demanded(path):
                yield Fault(
                    ("claims", "ignored"),
                    f"names {path!r}, which the preset {self.preset} demands",
                    "take it out; to demand less, write the declaration without a preset",
                )
        for path, demanded in preset.verified.items():
            if not _values(claims.verified.get(path, demanded)) <= _values(demanded):
                yield Fault(
                    ("claims", "verified", path),
                    f"allows more than the preset {self.preset}",
                    "list only what the preset allows: see the operators' guide",
                )


def _values(demanded: Demand) -> set[tuple[type, Scalar]]:
    """Return what is allowed, with the types: 1 == True, and 1 is not true."""
    values = demanded if isinstance(demanded, tuple) else (demanded,)
    return {(type(value), value) for value in values}


def _merged(preset: ClaimsDeclaration, own: ClaimsDeclaration) -> ClaimsDeclaration:
    """Join both: a claim that both name is held to the stricter demand."""
    if preset == ClaimsDeclaration():
        return own
    verified = {**preset.verified, **own.verified}
    required = _without(verified, preset.required + own.required)
    optional = _without({*verified, *required}, preset.optional + own.optional)
    kept = {*verified, *required, *optional}
    ignored = _without(kept, preset.ignored + own.ignored)
    return ClaimsDeclaration(verified, required, optional, ignored)


def _without(taken: Container[str], paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path for path in dict.fromkeys(paths) if path not in taken)
