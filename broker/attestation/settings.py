"""All that ``issuers.yaml`` says."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from broker.attestation.declaration import IssuerDeclaration, below
from broker.attestation.instances import doubts
from broker.attestation.stanza import IssuerStanza
from broker.settings.fault import Fault


class AttestationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All trusted issuers."""

    issuers: tuple[IssuerStanza, ...]

    def declarations(self) -> tuple[IssuerDeclaration, ...]:
        """Return the whole declarations; of settings without faults, all of them."""
        found = (stanza.declaration() for stanza in self.issuers)
        return tuple(declaration for declaration in found if declaration is not None)

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong, here and below."""
        if not self.issuers:
            yield Fault(("issuers",), "is empty: nobody could call", "declare an issuer")
        yield from self._repetitions("name", [stanza.name for stanza in self.issuers])
        issuers = [stanza.issuer or stanza.defaults.issuer for stanza in self.issuers]
        yield from self._repetitions("issuer", issuers)
        for position, stanza in enumerate(self.issuers):
            yield from below("issuers", below(position, stanza.faults()))

    def warnings(self) -> Iterator[Fault]:
        """Yield what is allowed and still worth a second look."""
        for position, stanza in enumerate(self.issuers):
            declaration = stanza.declaration()
            if declaration is not None:
                found = doubts(declaration, stanza.defaults.tells_apart)
                yield from below("issuers", below(position, found))

    @staticmethod
    def _repetitions(field: str, values: list[str]) -> Iterator[Fault]:
        counts = Counter(values)
        for position, value in enumerate(values):
            if value and counts[value] > 1:
                yield Fault(
                    ("issuers", position, field),
                    f"{value!r} is declared more than once",
                    "declare each issuer once",
                )
