"""One trusted issuer of workload tokens, declared completely.

Everything about an issuer is said here, as data: whose keys, which algorithms, what each claim has
to be and who the bearer then is. What is not declared is refused or reported.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from broker import text
from broker.attestation.algorithms import ALGORITHMS
from broker.attestation.declared_claims import ClaimsDeclaration
from broker.attestation.declared_keys import KeysDeclaration
from broker.attestation.declared_map import MapDeclaration
from broker.attestation.declared_review import TokenReviewDeclaration
from broker.attestation.header import ABSENT
from broker.attestation.key_url import url_fault
from broker.errors import InvalidRequestError
from broker.settings.fault import Fault

_TYPES = (ABSENT, "JWT", "JOSE", "at+jwt")
_MAX_IDENTIFIER = 255
_MAX_LEEWAY = 30
"""Seconds. Beyond half a minute a leeway hides clocks that are wrong (B16)."""
_MAX_LIFETIME = 7 * 86_400
"""Seconds. What lives longer is a standing secret, not evidence of a workload."""


class IssuerDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One issuer.

    ``name`` is for people, ``issuer`` the exact ``iss``, ``audience`` the sole ``aud``. ``typ``
    lists the token types to take; ``at+jwt``, which our own tokens bear, only if it is listed.
    ``max_lifetime_seconds`` bounds ``exp - iat``; ``leeway_seconds`` is for ``iat`` and ``nbf``
    and never prolongs a token. ``common`` names verified claims that everybody at this issuer has
    alike, so that they narrow nothing.
    """

    name: str
    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    keys: KeysDeclaration
    claims: ClaimsDeclaration
    mapping: MapDeclaration = msgspec.field(name="map")
    max_lifetime_seconds: int = 86_400
    leeway_seconds: int = 30
    typ: tuple[str, ...] = (ABSENT, "JWT")
    common: frozenset[str] = frozenset()
    token_review: TokenReviewDeclaration | None = None

    @property
    def types(self) -> frozenset[str]:
        """The token types as :func:`~broker.attestation.header.check_header` compares them."""
        return frozenset(declared.lower() for declared in self.typ)

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong, here and below."""
        yield from self._identifier_faults()
        yield from self._token_faults()
        yield from self._subject_faults()
        yield from below("keys", self.keys.faults())
        yield from self._discovery_faults()
        yield from below("claims", self.claims.faults())
        yield from below("map", self.mapping.faults())
        if self.token_review is not None:
            yield from below("token_review", self.token_review.faults())

    def _identifier_faults(self) -> Iterator[Fault]:
        try:
            text.parse_name(self.name, field="name")
        except InvalidRequestError as error:
            yield Fault(("name",), str(error), "give a short name")
        for field, value in (("issuer", self.issuer), ("audience", self.audience)):
            try:
                text.parse_text(value, field=field, max_length=_MAX_IDENTIFIER)
            except InvalidRequestError as error:
                yield Fault((field,), str(error), "give the exact value that the tokens carry")

    def _discovery_faults(self) -> Iterator[Fault]:
        if self.keys.discovery is True and (fault := url_fault(self.issuer)) is not None:
            yield Fault(("keys", "discovery"), f"asks the issuer, which {fault[0]}", fault[1])

    def _token_faults(self) -> Iterator[Fault]:
        yield from _list_faults("algorithms", self.algorithms, tuple(ALGORITHMS))
        yield from _list_faults("typ", self.typ, _TYPES)
        if not 0 <= self.leeway_seconds <= _MAX_LEEWAY:
            yield Fault(("leeway_seconds",), "is out of bounds", f"give 0 to {_MAX_LEEWAY}")
        if not 1 <= self.max_lifetime_seconds <= _MAX_LIFETIME:
            yield Fault(("max_lifetime_seconds",), "is out of bounds", f"give 1 to {_MAX_LIFETIME}")

    def _subject_faults(self) -> Iterator[Fault]:
        if not (self.claims.verified.keys() - self.common or self.mapping.narrows):
            yield Fault(
                ("claims", "verified"),
                "every subject of this issuer would be taken",
                "verify a claim that only your workloads have, map the kind by a claim, "
                "or give the name a prefix or a list of values",
            )
        for member, claim in self.mapping.claims():
            # Only a tenant may be left to the registry, and a session be unknown; and only where
            # the declaration says so.
            if member in {"tenant", "session"} and claim in self.claims.optional:
                continue
            if not self.claims.is_demanded(claim):
                yield Fault(
                    ("map", member),
                    f"reads {claim!r}, which a token may lack",
                    "list it under claims.verified or claims.required",
                )
        if self.mapping.stand_in and not set(self.mapping.instance_claims) <= {*self.claims.kept}:
            yield Fault(
                ("map", "instance"),
                f"reads {self.mapping.instance_claims[0]!r}, which no list of claims names",
                "list it under claims.optional",
            )


def _list_faults(field: str, values: tuple[str, ...], allowed: tuple[str, ...]) -> Iterator[Fault]:
    remedy = f"list some of {', '.join(allowed)}, each once"
    if not values or len(set(values)) != len(values):
        yield Fault((field,), "is empty or repeats itself", remedy)
    for position, value in enumerate(values):
        if value not in allowed:
            yield Fault((field, position), f"{value!r} is not supported", remedy)


def below(step: str | int, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Yield faults as seen from one step further up the document."""
    return (replace(fault, path=(step, *fault.path)) for fault in faults)
