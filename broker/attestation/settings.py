"""All that ``issuers.yaml`` says."""

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from broker.attestation.declaration import IssuerDeclaration, below
from broker.attestation.instances import doubts
from broker.attestation.people import people_doubts
from broker.attestation.spiffe.declared import TrustDomainDeclaration
from broker.attestation.stanza import IssuerStanza
from broker.settings.fault import Fault

_Place: TypeAlias = tuple[tuple[str | int, ...], str]
"""Where a value stands, and the value."""


class AttestationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All trusted issuers, and all SPIFFE trust domains."""

    issuers: tuple[IssuerStanza, ...] = ()
    trust_domains: tuple[TrustDomainDeclaration, ...] = ()

    def declarations(self) -> tuple[IssuerDeclaration, ...]:
        """Return the whole declarations; of settings without faults, all of them."""
        found = (stanza.declaration() for stanza in self.issuers)
        return tuple(declaration for declaration in found if declaration is not None)

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong, here and below."""
        if not (self.issuers or self.trust_domains):
            yield Fault(("issuers",), "is empty: nobody could call", "declare an issuer")
        yield from _repetitions([*self._names()])
        yield from _repetitions([*self._identifiers()])
        for position, stanza in enumerate(self.issuers):
            yield from below("issuers", below(position, stanza.faults()))
        for position, domain in enumerate(self.trust_domains):
            yield from below("trust_domains", below(position, domain.faults()))

    def warnings(self) -> Iterator[Fault]:
        """Yield what is allowed and still worth a second look."""
        for position, stanza in enumerate(self.issuers):
            declaration = stanza.declaration()
            if declaration is not None:
                found = doubts(declaration, stanza.defaults.tells_apart)
                yield from below("issuers", below(position, found))
                yield from below("issuers", below(position, people_doubts(declaration)))
        for position, domain in enumerate(self.trust_domains):
            yield from below("trust_domains", below(position, domain.warnings()))

    def _names(self) -> Iterator[_Place]:
        for position, stanza in enumerate(self.issuers):
            yield ("issuers", position, "name"), stanza.name
        for position, domain in enumerate(self.trust_domains):
            yield ("trust_domains", position, "name"), domain.name

    def _identifiers(self) -> Iterator[_Place]:
        """Yield what stands for each in records: of a trust domain its own ID."""
        for position, stanza in enumerate(self.issuers):
            yield ("issuers", position, "issuer"), stanza.issuer or stanza.defaults.issuer
        for position, domain in enumerate(self.trust_domains):
            yield ("trust_domains", position, "trust_domain"), domain.issuer


def _repetitions(places: list[_Place]) -> Iterator[Fault]:
    counts = Counter(value for _, value in places)
    for path, value in places:
        if value and counts[value] > 1:
            yield Fault(path, f"{value!r} is declared more than once", "declare each issuer once")
