"""A trust domain's bundle (SPIFFE Trust Domain and Bundle §4), read from its JWK Set. Immutable.

- ``use`` says what an entry is for, and nothing else does: a key without it vouches for nothing.
- A bad entry costs itself, never the bundle (B10). ``"keys": []`` is a bundle without authorities:
  everything is revoked (§4.1.3).
- The bundle does not say whose it is: that is known from where it was got (Federation §7.3).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from broker.attestation.keyset import (
    KeySet,
    SkippedKey,
    UnusableKeySetError,
    members_of,
    none_fit,
    read_members,
    read_object,
)
from broker.attestation.spiffe.authority import UnfitCertificateError, load_authority

JWT_SVID: Final = "jwt-svid"
X509_SVID: Final = "x509-svid"

_MAX_SEQUENCE: Final = 2**63 - 1
"""The specification has twice as many; no counter comes as far as here."""
_MAX_HINT_SECONDS: Final = 2**31


@dataclass(frozen=True, slots=True)
class Bundle(KeySet):
    """``keys`` verify JWT-SVIDs, ``authorities`` X.509-SVIDs. ``sequence`` is None if unsaid."""

    authorities: tuple[x509.Certificate, ...] = ()
    sequence: int | None = None


def parse_bundle(document: bytes, algorithms: Collection[str]) -> Bundle:
    """Read a bundle.

    Raises:
        UnusableKeySetError: it is none, or has entries of which none is fit.
    """
    value = read_object(document)
    members = members_of(value)
    read = read_members([each for each in members if _use_of(each) == JWT_SVID], algorithms)
    authorities, unfit = _authorities(members)
    skipped = (*read.skipped, *unfit, *_others(members))
    if members and not read.keys and not authorities:
        raise none_fit(skipped)
    return Bundle(
        keys=read.keys,
        skipped=skipped,
        refresh_ms=(_number(value, "spiffe_refresh_hint", _MAX_HINT_SECONDS) or 0) * 1000,
        authorities=authorities,
        sequence=_number(value, "spiffe_sequence", _MAX_SEQUENCE),
    )


def _authorities(
    members: list[object],
) -> tuple[tuple[x509.Certificate, ...], tuple[SkippedKey, ...]]:
    found, unfit = [], []
    for member in members:
        if isinstance(member, Mapping) and _use_of(member) == X509_SVID:
            try:
                found.append(load_authority(_certificate_of(member)))
            except UnfitCertificateError as error:
                unfit.append(SkippedKey("", str(error)))
    return tuple(found), tuple(unfit)


def _certificate_of(member: Mapping[str, object]) -> str:
    """Return the first certificate; whatever follows it means nothing (§4.2.3)."""
    chain = member.get("x5c")
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        raise UnfitCertificateError("x5c missing")
    return chain[0]


def _others(members: list[object]) -> tuple[SkippedKey, ...]:
    """Tell of the entries that are for something else, or say nothing (§4.2.2: to be ignored)."""
    known = (JWT_SVID, X509_SVID)
    return tuple(SkippedKey("", "use unknown") for each in members if _use_of(each) not in known)


def _use_of(member: object) -> object:
    return member.get("use") if isinstance(member, Mapping) else None


def _number(value: Mapping[str, object], name: str, most: int) -> int | None:
    if name not in value:
        return None
    number = value[name]
    # By exact type: a bool is an int to isinstance.
    if type(number) is not int or not 0 <= number <= most:
        raise UnusableKeySetError(f"{name} is no number within bounds")
    return number
