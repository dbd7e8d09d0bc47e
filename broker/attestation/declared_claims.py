"""What is done with each claim of an issuer's tokens: every one is declared."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from broker.attestation.attested import Scalar
from broker.attestation.claim_path import claim_of, is_well_formed
from broker.settings.fault import Fault

ALWAYS_CHECKED = frozenset({"iss", "aud", "exp", "iat", "nbf"})
"""Checked for every issuer; a declaration does not mention them."""


class ClaimsDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Claims by what is demanded of them, each named as :mod:`~broker.attestation.claim_path` says.

    ``verified`` ones have exactly the value, or one of the values; ``required`` ones are there;
    ``optional`` ones are taken along; ``ignored`` ones are known and dropped. A claim that no list
    names is reported.
    """

    verified: dict[str, Scalar | tuple[Scalar, ...]] = {}
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """The claims that are taken along."""
        return (*self.verified, *self.required, *self.optional)

    @property
    def known(self) -> frozenset[str]:
        """The claims of a token that some list, or the rules for all tokens, speak of."""
        return ALWAYS_CHECKED | {claim_of(path) for path in (*self.kept, *self.ignored)}

    def is_demanded(self, path: str) -> bool:
        """Tell whether every accepted token has this claim."""
        return path in self.verified or path in self.required

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        if not (self.kept or self.ignored):
            yield Fault((), "declares no claim", "list what the issuer's tokens carry")
        yield from self._name_faults()
        for path, demanded in self.verified.items():
            yield from _value_faults(path, demanded)

    def _name_faults(self) -> Iterator[Fault]:
        for path, count in Counter((*self.kept, *self.ignored)).items():
            if count > 1:
                yield Fault((), f"names {path!r} twice", "leave it in one list")
            if path in ALWAYS_CHECKED:
                yield Fault((), f"{path!r} is checked for every token", "leave it out")
            if not is_well_formed(path):
                yield Fault(
                    (), f"{path!r} names no claim", "write a name or a pointer: /claim/member"
                )


def _value_faults(path: str, demanded: Scalar | tuple[Scalar, ...]) -> Iterator[Fault]:
    if demanded == ():
        yield Fault(("verified", path), "allows no value", "list the values that are allowed")
    for value in demanded if isinstance(demanded, tuple) else (demanded,):
        if isinstance(value, str) and ("*" in value or not value):
            yield Fault(
                ("verified", path),
                f"{value!r} is compared letter by letter, so it would match nothing real",
                "list the exact values",
            )
