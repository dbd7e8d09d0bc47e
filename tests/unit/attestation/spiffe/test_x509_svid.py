"""X.509-SVIDs: crafted certificates of one local authority (B26, SP-2, SP-3, SP-4, SP-10)."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.attestation.spiffe.authority import UnfitCertificateError, load_certificate
from broker.attestation.spiffe.x509_svid import check_leaf, verify_chain
from tests.fakes.trust_domain import (
    CLIENT,
    SERVER,
    FakeTrustDomain,
    SigningAuthority,
    Svid,
    uris,
    usage,
)

DOMAIN = FakeTrustDomain("prod.example")
OTHER = FakeTrustDomain("other.example")
PATH = "/agents/invoice-bot/pod-1"
ID = DOMAIN.id(PATH)


def names(*others: x509.GeneralName) -> tuple[x509.SubjectAlternativeName, bool]:
    """Write the honest URI name among others."""
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(ID), *others]), False


def extended(*uses: x509.ObjectIdentifier) -> tuple[x509.ExtendedKeyUsage, bool]:
    """Write extended key usages."""
    return x509.ExtendedKeyUsage(uses), False


HONEST: dict[str, dict[str, Any]] = {
    "as SPIRE issues": {},
    "without BasicConstraints": {"constraints": None},
    "without extended usage": {"extended": None},
    "with more extended usages": {
        "extended": extended(SERVER, CLIENT, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    },
    "with a DNS name too": {"names": names(x509.DNSName("pod-1.example"))},
}

UNFIT: dict[str, dict[str, Any]] = {
    "SP-3 two URI names": {"names": (uris(ID, DOMAIN.id("/agents/admin/pod-1")), False)},
    "SP-3 the same URI twice": {"names": (uris(ID, ID), False)},
    "B26 a second URI of another scheme": {"names": (uris(ID, "https://x.example"), False)},
    "no name": {"names": None},
    "only a DNS name": {"names": (x509.SubjectAlternativeName([x509.DNSName("x.example")]), False)},
    "another scheme": {"names": (uris("https://prod.example/agents/a/b"), False)},
    "upper case": {"names": (uris("spiffe://Prod.example/agents/a/b"), False)},
    "dot segment": {"names": (uris("spiffe://prod.example/agents/../b"), False)},
    "the trust domain's own ID": {"names": (uris("spiffe://prod.example"), False)},
    "SP-4 an authority": {"constraints": (x509.BasicConstraints(ca=True, path_length=0), True)},
    "SP-10 no key usage": {"usage": None},
    "SP-10 no digitalSignature": {"usage": (usage(sign=False), True)},
    "SP-10 usage not critical": {"usage": (usage(), False)},
    "SP-10 keyCertSign": {"usage": (usage(cert_sign=True), True)},
    "SP-10 cRLSign": {"usage": (usage(crl_sign=True), True)},
    "only serverAuth": {"extended": extended(SERVER)},
    "only clientAuth": {"extended": extended(CLIENT)},
    "any usage alone": {"extended": extended(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)},
}


@pytest.mark.parametrize("case", HONEST)
def test_an_honest_leaf_bears_its_id(case: str) -> None:
    """Everything that the specification leaves open is taken."""
    assert str(check_leaf(DOMAIN.x509_svid(PATH, **HONEST[case]).leaf)) == ID


@pytest.mark.parametrize("case", UNFIT)
def test_b26_a_crafted_leaf_is_refused(case: str) -> None:
    """What libraries let through, and what they do not."""
    with pytest.raises(UnfitCertificateError):
        check_leaf(DOMAIN.x509_svid(PATH, **UNFIT[case]).leaf)


def now_of(svid: Svid) -> int:
    """Return the beginning of a certificate, in ms."""
    return int(svid.leaf.not_valid_before_utc.timestamp() * 1000)


def is_verified(svid: Svid, *authorities: x509.Certificate, after_ms: int = 60_000) -> bool:
    """Tell whether a chain holds some time after it began."""
    try:
        verify_chain(svid.leaf, svid.intermediates, authorities, now_ms=now_of(svid) + after_ms)
    except UnfitCertificateError:
        return False
    return True


ROOT = DOMAIN.authority.certificate


def test_a_leaf_of_the_bundles_authority_is_verified() -> None:
    """Directly, and beside other authorities of the same bundle."""
    svid = DOMAIN.x509_svid(PATH)

    assert is_verified(svid, ROOT)
    assert is_verified(svid, SigningAuthority("next root").certificate, ROOT)


def test_sp2_an_authority_of_another_trust_domain_vouches_for_nothing() -> None:
    """Though it forges an ID of ours, it is not in our bundle."""
    forged = OTHER.x509_svid(names=(uris(ID), False))

    assert str(check_leaf(forged.leaf)) == ID
    assert not is_verified(forged, ROOT)


def test_an_empty_bundle_vouches_for_nobody() -> None:
    """Everything is revoked."""
    assert not is_verified(DOMAIN.x509_svid(PATH))


def test_intermediates_lead_to_the_authority() -> None:
    """As a nested or an upstream authority issues; without them the chain is broken."""
    middle = SigningAuthority("middle", DOMAIN.authority)
    lower = SigningAuthority("lower", middle)
    svid = DOMAIN.x509_svid(PATH, by=[middle, lower])

    assert is_verified(svid, ROOT)
    assert not is_verified(Svid(svid.leaf, svid.key), ROOT)
    assert not is_verified(Svid(svid.leaf, svid.key, svid.intermediates[1:]), ROOT)


def test_an_intermediate_can_be_the_authority_itself() -> None:
    """The bundle's authorities are trusted, whoever signed them."""
    middle = SigningAuthority("middle", DOMAIN.authority)

    assert is_verified(DOMAIN.x509_svid(PATH, by=[middle]), middle.certificate)


def test_a_leaf_signs_no_leaf() -> None:
    """An SVID is no intermediate, whatever it signs."""
    svid = DOMAIN.x509_svid(PATH)
    rogue = SigningAuthority("rogue", DOMAIN.authority)
    rogue.key, rogue.certificate, rogue.name = svid.key, svid.leaf, svid.leaf.subject

    assert not is_verified(DOMAIN.x509_svid("/agents/admin/pod-1", by=[rogue]), ROOT)


@pytest.mark.parametrize(
    ("after_ms", "expected"),
    [(-1_000, False), (0, True), (3_599_000, True), (3_601_000, False)],
)
def test_the_dates_of_the_leaf_hold(after_ms: int, *, expected: bool) -> None:
    """Before it begins, when it does, at its end and after it."""
    svid = DOMAIN.x509_svid(PATH, life=timedelta(hours=1))

    assert is_verified(svid, ROOT, after_ms=after_ms) is expected


def test_name_constraints_of_an_authority_bind_its_leaves() -> None:
    """An authority that may only speak for another domain does not speak for this one."""
    bound = SigningAuthority("bound")
    constraint = x509.NameConstraints(
        permitted_subtrees=[x509.UniformResourceIdentifier("other.example")],
        excluded_subtrees=None,
    )
    bound.certificate = bound.sign(
        bound.name,
        bound.key.public_key(),
        {
            1: (x509.BasicConstraints(ca=True, path_length=None), True),
            2: (usage(sign=False, cert_sign=True, crl_sign=True), True),
            3: (constraint, True),
        },
    )

    assert not is_verified(DOMAIN.x509_svid(PATH, by=[bound]), bound.certificate)


def test_a_sha1_signature_is_refused() -> None:
    """Also if everything else about the certificate is in order."""
    der = _with_signature_oid(DOMAIN.x509_svid(PATH).der, b"\x04\x03\x02", b"\x04\x01")
    with pytest.raises(UnfitCertificateError, match="weak digest"):
        load_certificate(der)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - weak on purpose
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP521R1()),
        dsa.generate_private_key(1024),  # noqa: S505 - weak on purpose
    ],
    ids=["RSA-1024", "secp256k1", "P-521", "DSA"],
)
def test_weak_and_foreign_keys_are_refused(key: Any) -> None:
    """Whoever has signed them."""
    certificate = DOMAIN.authority.sign(ROOT.subject, key.public_key(), {})

    with pytest.raises(UnfitCertificateError, match="kind or size"):
        load_certificate(certificate.public_bytes(Encoding.DER))


@pytest.mark.parametrize("der", [b"", b"\x30", b"garbage" * 10, bytes(20_000)])
def test_garbage_is_no_certificate(der: bytes) -> None:
    """A refusal, never another exception."""
    with pytest.raises(UnfitCertificateError):
        load_certificate(der)


def test_a_truncated_or_altered_certificate_is_refused_somewhere() -> None:
    """Each byte counts: at reading, at the profile or at the signature."""
    svid = DOMAIN.x509_svid(PATH)
    for position in range(0, len(svid.der), 37):
        broken = bytearray(svid.der)
        broken[position] ^= 0x01
        assert not _passes(bytes(broken), now_of(svid) + 60_000)
        assert not _passes(svid.der[:position], now_of(svid) + 60_000)


def _passes(der: bytes, now_ms: int) -> bool:
    try:
        leaf = load_certificate(der)
        check_leaf(leaf)
        verify_chain(leaf, (), [ROOT], now_ms=now_ms)
    except UnfitCertificateError:
        return False
    return True


def _with_signature_oid(der: bytes, old: bytes, new: bytes) -> bytes:
    """Rewrite ecdsa-with-SHA256 to ecdsa-with-SHA1, in both places, and mend the lengths."""
    before, after = b"\x06\x08\x2a\x86\x48\xce\x3d" + old, b"\x06\x07\x2a\x86\x48\xce\x3d" + new
    assert der.count(b"\x30\x0a" + before) == 2
    tbs_length = int.from_bytes(der[6:8], "big") - 1
    whole = int.from_bytes(der[2:4], "big") - 2
    rest = der[8:].replace(b"\x30\x0a" + before, b"\x30\x09" + after)
    return der[:2] + whole.to_bytes(2, "big") + der[4:6] + tbs_length.to_bytes(2, "big") + rest
