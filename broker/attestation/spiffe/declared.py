"""One trust domain, declared: whose workloads are taken, by which bundle, and who they then are."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Final

import msgspec

from broker import text
from broker.attestation.algorithms import ALGORITHMS
from broker.attestation.declared_keys import duration_faults
from broker.attestation.key_url import url_fault
from broker.attestation.people import rule_doubts
from broker.attestation.spiffe.path_rule import PathRule
from broker.attestation.spiffe.spiffe_id import SpiffeIdError, check_trust_domain, parse_spiffe_id
from broker.errors import InvalidRequestError
from broker.settings.fault import Fault

JWT_SVID_ALGORITHMS: Final = tuple(name for name in ALGORITHMS if name != "EdDSA")
"""JWT-SVID §2.1 has RS, ES and PS; anything else must be refused."""

_MAX_AUDIENCE: Final = 255
_MAX_LEEWAY: Final = 30
_MAX_LIFETIME: Final = 86_400
"""Seconds. An SVID that lives longer than a day is a standing secret."""


class Profile(StrEnum):
    """How a bundle endpoint shows that it is the right one (SPIFFE Federation §5.2)."""

    WEB = "https_web"
    SPIFFE = "https_spiffe"


class BundleDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the bundle comes from: a ``file``, or the ``url`` of a bundle endpoint.

    An endpoint of profile ``https_web`` has a certificate of the Web PKI, or of the
    authorities in ``ca_file``. One of ``https_spiffe``
    shows the X.509-SVID ``endpoint_id``, which the bundle itself vouches for; ``file`` is then the
    bundle to begin with. ``spiffe_refresh_hint`` makes us look more often than ``refresh_seconds``,
    never less; the other durations are those of an issuer's keys.
    """

    url: str = ""
    file: Path | None = None
    ca_file: Path | None = None
    profile: Profile = Profile.WEB
    endpoint_id: str = ""
    refresh_seconds: int = 300
    max_stale_seconds: int = 3600
    cooldown_seconds: int = 10
    timeout_seconds: int = 3

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        if self.url and (fault := url_fault(self.url)) is not None:
            yield Fault(("url",), *fault)
        if self.ca_file and (self.file or self.profile is Profile.SPIFFE):
            yield Fault(("ca_file",), "vouches for nobody here", "leave it out")
        if self.profile is Profile.SPIFFE:
            yield from self._spiffe_faults()
        elif bool(self.url) == (self.file is not None):
            yield Fault((), "names both or neither of url and file", "give exactly one of them")
        elif self.endpoint_id:
            yield Fault(("endpoint_id",), "nobody would check it", "state profile: https_spiffe")
        yield from duration_faults(self)

    def _spiffe_faults(self) -> Iterator[Fault]:
        if not (self.url.startswith("https://") and self.file):
            yield Fault(
                (),
                "profile https_spiffe lacks an https url, or the file to begin with",
                "give the endpoint's url, and a bundle got by a way that you trust as file",
            )
        try:
            parse_spiffe_id(self.endpoint_id)
        except SpiffeIdError as error:
            yield Fault(("endpoint_id",), str(error), "give the SPIFFE ID of the endpoint")


class TrustDomainDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One trust domain.

    ``name`` is for people; ``audience`` the sole ``aud`` of a JWT-SVID. ``map`` says who the bearer
    of which SPIFFE ID is: an ID that fits no rule is refused. ``max_lifetime_seconds`` bounds a
    JWT-SVID; ``leeway_seconds`` is for ``iat`` and ``nbf`` and never prolongs one.
    """

    name: str
    trust_domain: str
    audience: str
    bundle: BundleDeclaration
    rules: tuple[PathRule, ...] = msgspec.field(name="map")
    algorithms: tuple[str, ...] = ("ES256", "ES384", "RS256")
    max_lifetime_seconds: int = 3600
    leeway_seconds: int = 30

    @property
    def issuer(self) -> str:
        """What stands for an issuer in records and cuts: the ID of the trust domain itself."""
        return f"spiffe://{self.trust_domain}"

    def warnings(self) -> Iterator[Fault]:
        """Yield what is allowed and still worth a second look."""
        for position, rule in enumerate(self.rules):
            if not rule.tells_instances_apart:
                yield Fault(
                    ("map", position),
                    "nothing tells two copies apart: all bearers of one SPIFFE ID are one instance",
                    "put {instance} into the path, or name the claim that does: instance_claim",
                )
            yield from (fault.under("map", position) for fault in rule_doubts(rule))

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong, here and below."""
        yield from self._name_faults()
        yield from self._token_faults()
        yield from (fault.under("bundle") for fault in self.bundle.faults())
        yield from self._endpoint_faults()
        yield from self._rule_faults()

    def _name_faults(self) -> Iterator[Fault]:
        try:
            text.parse_name(self.name, field="name")
        except InvalidRequestError as error:
            yield Fault(("name",), str(error), "give a short name")
        try:
            check_trust_domain(self.trust_domain)
        except SpiffeIdError as error:
            yield Fault(("trust_domain",), str(error), "write it without spiffe://")
        try:
            text.parse_text(self.audience, field="audience", max_length=_MAX_AUDIENCE)
        except InvalidRequestError as error:
            yield Fault(("audience",), str(error), "give the exact value that the tokens carry")

    def _token_faults(self) -> Iterator[Fault]:
        known = ", ".join(JWT_SVID_ALGORITHMS)
        if not self.algorithms or not set(self.algorithms) <= set(JWT_SVID_ALGORITHMS):
            yield Fault(("algorithms",), "not those of JWT-SVIDs", f"list some of {known}")
        if not 0 <= self.leeway_seconds <= _MAX_LEEWAY:
            yield Fault(("leeway_seconds",), "is out of bounds", f"give 0 to {_MAX_LEEWAY}")
        if not 1 <= self.max_lifetime_seconds <= _MAX_LIFETIME:
            yield Fault(("max_lifetime_seconds",), "is out of bounds", f"give 1 to {_MAX_LIFETIME}")

    def _endpoint_faults(self) -> Iterator[Fault]:
        endpoint = self.bundle.endpoint_id
        if endpoint and not endpoint.startswith(f"{self.issuer}/"):
            yield Fault(
                ("bundle", "endpoint_id"),
                "is of another trust domain, whose bundle vouches for nothing here",
                "give an endpoint of the same trust domain, or use profile https_web",
            )

    def _rule_faults(self) -> Iterator[Fault]:
        if not self.rules:
            yield Fault(("map",), "is empty: nobody could call", "map a path")
        for position, rule in enumerate(self.rules):
            yield from (fault.under("map", position) for fault in rule.faults())
        for (first, one), (second, other) in combinations(enumerate(self.rules), 2):
            if one.overlaps(other):
                yield Fault(
                    ("map", second, "path"),
                    f"a path can fit this rule and that at position {first}",
                    "tell them apart by a word: nobody may be two",
                )
