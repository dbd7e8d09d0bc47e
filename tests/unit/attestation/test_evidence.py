"""One name for one piece of evidence, however it is spelt (M3, B20)."""

from collections.abc import Mapping
from typing import Any

import pytest

from broker.attestation.evidence import name_of_certificate, name_of_token
from broker.errors import AttestationError
from tests.fakes.attestation import Bench, honest_claims
from tests.fakes.issuer import encode, sign_raw
from tests.fakes.respelling import loose, mirrored, padded

ISSUER = "https://issuer.example"
HEADER = {"alg": "ES256", "kid": "k1"}
CLAIMS = {"sub": "invoice-bot", "aud": ["a", "b"], "iat": 1}


@pytest.mark.parametrize("claims", [{"jti": "j-1"}, {"jti": ...}], ids=["jti", "no-jti"])
async def test_b20_another_spelling_is_the_same_evidence(claims: Mapping[str, Any]) -> None:
    """Whoever mirrors the signature has no second token."""
    bench = Bench()
    token = bench.token(**claims)
    assert mirrored(token) != token

    first = await bench.attestation.attest(token)
    again = await bench.attestation.attest(mirrored(token))

    assert first.evidence
    assert again.evidence == first.evidence


async def test_b20_other_encodings_are_refused_at_the_door() -> None:
    """Padding and loose bits never get as far as a name."""
    bench = Bench()
    for spelt in (padded, loose):
        with pytest.raises(AttestationError):
            await bench.attestation.attest(spelt(bench.token()))


async def test_a_remembered_proof_keeps_the_name() -> None:
    """The second look at a token spares the signature, not the name."""
    bench = Bench()
    token = bench.token()

    first = await bench.attestation.attest(token)
    again = await bench.attestation.attest(token)

    assert again is first
    assert again.evidence


async def test_a_token_that_is_signed_twice_is_one() -> None:
    """ECDSA makes another signature each time, the issuer said the same."""
    bench = Bench()

    names = {(await bench.attestation.attest(bench.token(jti=...))).evidence for _ in range(3)}

    assert len(names) == 1


async def test_the_order_of_members_and_the_spaces_between_them_are_no_part_of_the_name() -> None:
    """What was said counts, not how it was written."""
    bench = Bench()
    claims = honest_claims(bench.clock, jti=...)
    key = bench.signer.key
    header = {"alg": "ES256", "kid": bench.signer.kid, "typ": "JWT"}
    turned = encode(dict(reversed(claims.items()))).replace(b",", b" , ")
    tokens = [
        sign_raw(encode(header), encode(claims), key, "ES256"),
        sign_raw(encode(dict(reversed(header.items()))), turned, key, "ES256"),
    ]

    one, other = [await bench.attestation.attest(token) for token in tokens]

    assert one.evidence == other.evidence


def test_a_jti_is_its_issuers() -> None:
    """Two issuers may count alike; one issuer's jti is one token, whatever else it says."""
    name = name_of_token(ISSUER, HEADER, {**CLAIMS, "jti": "1"})

    assert name == name_of_token(ISSUER, {}, {"jti": "1"})
    assert name != name_of_token(ISSUER, HEADER, {**CLAIMS, "jti": "2"})
    assert name != name_of_token(ISSUER + "/", HEADER, {**CLAIMS, "jti": "1"})


@pytest.mark.parametrize("jti", ["", 1, None, ["j"], True])
def test_what_is_no_jti_names_nothing(jti: object) -> None:
    """Then all that was signed does: two such tokens are not one."""
    one = name_of_token(ISSUER, HEADER, {**CLAIMS, "jti": jti})
    other = name_of_token(ISSUER, HEADER, {**CLAIMS, "jti": jti, "iat": 2})

    assert one != other


@pytest.mark.parametrize(
    "changes", [{"sub": "helper-bot"}, {"iat": 2}, {"aud": ["b", "a"]}, {"more": None}], ids=str
)
def test_without_a_jti_every_claim_counts(changes: dict[str, object]) -> None:
    """Another claim, another token."""
    assert name_of_token(ISSUER, HEADER, CLAIMS) != name_of_token(
        ISSUER, HEADER, {**CLAIMS, **changes}
    )


def test_no_kind_of_evidence_can_pass_for_another() -> None:
    """A jti that looks like a certificate's digest is no certificate."""
    certificate = name_of_certificate(ISSUER, b"signed")
    digest = "6d2d0f4a" * 8

    assert certificate != name_of_token(ISSUER, {}, {"jti": digest})
    assert certificate == name_of_certificate(ISSUER, b"signed")
    assert certificate != name_of_certificate(ISSUER, b"signed ")
