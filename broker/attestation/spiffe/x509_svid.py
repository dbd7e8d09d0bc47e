"""X.509-SVIDs (SPIFFE X509-SVID): what a leaf has to be, and which bundle has to vouch for it.

``cryptography`` verifies signatures, validity, path length and name constraints of the chain. What
it lets through is checked here (B26): several URI names, key usage, weak keys, a missing
``BasicConstraints``; and the chain is verified against the authorities of one trust domain only,
which the leaf's ID names (SP-2).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.attestation.spiffe.authority import UnfitCertificateError
from broker.attestation.spiffe.spiffe_id import SpiffeId, SpiffeIdError, parse_spiffe_id

MAX_DEPTH: Final = 4
"""Intermediates of a chain: SPIRE nests two or three deep."""

_LEAF_USES: Final = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def check_leaf(leaf: x509.Certificate) -> SpiffeId:
    """Check the profile of a leaf; return the one ID that it bears. Its signature is not looked at.

    Raises:
        UnfitCertificateError: it is no leaf X.509-SVID.
    """
    try:
        spiffe_id = _identity(leaf)
        _check_constraints(leaf)
        _check_usage(leaf)
    except (x509.DuplicateExtension, ValueError) as error:
        if isinstance(error, UnfitCertificateError):
            raise
        raise UnfitCertificateError("extensions cannot be read") from None
    return spiffe_id


def verify_chain(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    authorities: Iterable[x509.Certificate],
    *,
    now_ms: int,
) -> None:
    """Check that an authority of the bundle has signed the leaf, directly or by intermediates.

    Raises:
        UnfitCertificateError: none has, or something on the way has expired or may not sign.
    """
    known = list(authorities)
    if not known:
        raise UnfitCertificateError("the bundle has no X.509 authority")
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(known))
        .time(datetime.fromtimestamp(now_ms // 1000, UTC))
        .max_chain_depth(MAX_DEPTH)
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, list(intermediates))
    except verification.VerificationError:
        raise UnfitCertificateError("no chain to the trust domain's bundle") from None


def _identity(leaf: x509.Certificate) -> SpiffeId:
    """Read the ID (§2: exactly one URI name, of any scheme, and any number of other names)."""
    names = _extension(leaf, x509.SubjectAlternativeName)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    if len(uris) != 1:
        raise UnfitCertificateError("not exactly one URI name")
    try:
        spiffe_id = parse_spiffe_id(uris[0])
    except SpiffeIdError as error:
        raise UnfitCertificateError(f"URI name is no SPIFFE ID: {error}") from None
    if not spiffe_id.segments:
        raise UnfitCertificateError("a leaf bears the ID of the trust domain itself")
    return spiffe_id


def _check_constraints(leaf: x509.Certificate) -> None:
    constraints = _extension(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise UnfitCertificateError("an authority is no client (§3.2)")


def _check_usage(leaf: x509.Certificate) -> None:
    """Check key usage (§4.3, §5.2) and, if there is any, extended key usage (§4.4)."""
    usage = _found(leaf, x509.KeyUsage)
    if usage is None or not usage.critical:
        raise UnfitCertificateError("key usage missing or not critical")
    if not usage.value.digital_signature or usage.value.key_cert_sign or usage.value.crl_sign:
        raise UnfitCertificateError("key usage is not a leaf's")
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    if extended is not None and not _LEAF_USES.issubset(extended):
        raise UnfitCertificateError("extended key usage lacks serverAuth or clientAuth")


def _found(leaf: x509.Certificate, kind: type[_Extension]) -> x509.Extension[_Extension] | None:
    try:
        return leaf.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _extension(leaf: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    found = _found(leaf, kind)
    return None if found is None else found.value
