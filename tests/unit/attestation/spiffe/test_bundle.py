"""Bundles by SPIFFE Trust Domain and Bundle §4 (B10, SP-5, SP-6)."""

from typing import Any

import pytest

from broker.attestation.keyset import UnusableKeySetError
from broker.attestation.spiffe.bundle import parse_bundle
from broker.attestation.spiffe.bundle_reader import BundleReader
from tests.fakes.issuer import EC_256_OTHER, RSA_2048, encode, public_jwk
from tests.fakes.trust_domain import FakeTrustDomain

ALGORITHMS = ("ES256", "RS256")
DOMAIN = FakeTrustDomain("prod.example")


def bundle_of(*members: object, **values: object) -> bytes:
    """Write a bundle."""
    return encode({"keys": list(members), **values})


def test_each_use_goes_to_its_own_place() -> None:
    """JWT authorities verify tokens, X.509 authorities certificates."""
    bundle = parse_bundle(DOMAIN.bundle(), ALGORITHMS)

    assert list(bundle.keys) == ["jwt-1"]
    assert bundle.authorities == (DOMAIN.authority.certificate,)
    assert (bundle.sequence, bundle.refresh_ms, bundle.skipped) == (1, 300_000, ())


@pytest.mark.parametrize("use", [None, "sig", "enc", "wit-svid", "JWT-SVID", 7, ["jwt-svid"]])
def test_a_key_of_another_use_vouches_for_nothing(use: object) -> None:
    """Without ``use``, or with one that is not known, an entry is ignored (§4.2.2)."""
    other = public_jwk(EC_256_OTHER, "other", "ES256", use=use)
    if use is None:
        other.pop("use")

    bundle = parse_bundle(bundle_of(DOMAIN.jwt_member(), other), ALGORITHMS)

    assert list(bundle.keys) == ["jwt-1"]
    assert [key.why for key in bundle.skipped] == ["use unknown"]


def test_a_jwt_authority_is_no_x509_authority_and_the_reverse() -> None:
    """A certificate under the wrong ``use`` signs no SVID, a named key under it no token."""
    crossed_jwt = {**DOMAIN.jwt_member(), "use": "x509-svid"}
    crossed_x509 = {**DOMAIN.x509_member(), "use": "jwt-svid"}

    bundle = parse_bundle(bundle_of(crossed_jwt, crossed_x509, DOMAIN.jwt_member()), ALGORITHMS)

    assert list(bundle.keys) == ["jwt-1"]
    assert bundle.authorities == ()


@pytest.mark.parametrize(
    "chain",
    [
        None,
        [],
        "text",
        [7],
        ["*"],
        ["AAAA"],
        ["A" * 30_000],
        [DOMAIN.x509_svid().der.hex()],
    ],
)
def test_b10_a_bad_certificate_costs_itself(chain: object) -> None:
    """The rest of the bundle stands, and what was left out is told."""
    bad = {**DOMAIN.x509_member(), "x5c": chain}

    bundle = parse_bundle(bundle_of(bad, DOMAIN.x509_member()), ALGORITHMS)

    assert bundle.authorities == (DOMAIN.authority.certificate,)
    assert len(bundle.skipped) == 1


def test_only_the_first_certificate_of_an_entry_counts() -> None:
    """What follows in ``x5c`` is no authority (§4.2.3)."""
    other: Any = FakeTrustDomain("other.example").x509_member()
    mine: Any = DOMAIN.x509_member()

    bundle = parse_bundle(bundle_of({**mine, "x5c": mine["x5c"] + other["x5c"]}), ALGORITHMS)

    assert bundle.authorities == (DOMAIN.authority.certificate,)


def test_a_leaf_is_no_authority() -> None:
    """A certificate that may not sign others is left out of the authorities."""
    import base64  # noqa: PLC0415 - one use

    leaf = {**DOMAIN.x509_member(), "x5c": [base64.b64encode(DOMAIN.x509_svid().der).decode()]}

    bundle = parse_bundle(bundle_of(leaf, DOMAIN.jwt_member()), ALGORITHMS)

    assert bundle.authorities == ()
    assert "not the certificate of an authority" in str(bundle.skipped)


def test_sp5_an_empty_bundle_is_a_revocation_and_not_a_mistake() -> None:
    """``"keys": []`` is a bundle that vouches for nobody (§4.1.3)."""
    bundle = parse_bundle(bundle_of(), ALGORITHMS)

    assert not bundle.keys
    assert not bundle.authorities


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [7]}',
        b'{"keys": [{"use": "jwt-svid"}]}',
        b'{"keys": [], "keys": []}',
        bundle_of(spiffe_sequence="7"),
        bundle_of(spiffe_sequence=True),
        bundle_of(spiffe_sequence=-1),
        bundle_of(spiffe_sequence=2**63),
        bundle_of(spiffe_refresh_hint=1.5),
        bundle_of(spiffe_refresh_hint=-1),
        bundle_of(spiffe_refresh_hint=[]),
    ],
)
def test_what_is_no_bundle_is_refused_as_a_whole(document: bytes) -> None:
    """So that the last good one goes on."""
    with pytest.raises(UnusableKeySetError):
        parse_bundle(document, ALGORITHMS)


def test_an_rsa_authority_without_alg_is_for_the_one_declared_rsa_algorithm() -> None:
    """SPIRE names no ``alg``; two declared ones that fit would leave it open."""
    member = public_jwk(RSA_2048, "rsa", "RS256", use="jwt-svid")
    member.pop("alg")

    bundle = parse_bundle(bundle_of(member), ("ES256", "RS256"))

    assert bundle.keys["rsa"].algorithm.name == "RS256"


def test_sp6_a_lower_sequence_does_not_follow_a_higher() -> None:
    """An old bundle, played again, brings back no authority; equal and higher ones are taken."""
    reader = BundleReader(ALGORITHMS)
    newest = reader.read(bundle_of(DOMAIN.jwt_member(), spiffe_sequence=7))

    with pytest.raises(UnusableKeySetError, match="went back from 7 to 6"):
        reader.read(bundle_of(DOMAIN.jwt_member(), spiffe_sequence=6))
    with pytest.raises(UnusableKeySetError, match="is gone"):
        reader.read(bundle_of(DOMAIN.jwt_member()))

    assert reader.bundle is newest
    assert reader.read(bundle_of(spiffe_sequence=7)).sequence == 7
    assert reader.read(bundle_of(spiffe_sequence=2**63 - 1)).sequence == 2**63 - 1


def test_a_bundle_without_sequence_may_follow_another_without() -> None:
    """The member is optional (§4.1.1)."""
    reader = BundleReader(ALGORITHMS)
    reader.read(bundle_of(DOMAIN.jwt_member()))

    assert not reader.read(bundle_of()).keys
