import copy
import hashlib
import json
import pickle

import joserfc.jwk
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from broker import base64url
from broker.proof.public_jwk import thumbprint_of
from broker.signing.key import (
    SIGNING_ALGORITHMS,
    PrivateKey,
    SigningKey,
    UnfitKeyError,
    new_private_key,
    thumbprint,
)

CLAIMS = {
    "iss": "https://broker.example",
    "sub": "agent:bot",
    "exp": 4_000_000_000,
    "act": {"sub": "x"},
}


@pytest.fixture(params=SIGNING_ALGORITHMS)
def private_key(request: pytest.FixtureRequest) -> PrivateKey:
    """Make a key of each kind."""
    return new_private_key(request.param)


def test_a_token_verifies_in_another_library(private_key: PrivateKey) -> None:
    """PyJWT reads the header and the claims that were signed."""
    key = SigningKey("k1", private_key)

    token = key.sign(CLAIMS).reveal()

    assert jwt.decode(token, private_key.public_key(), algorithms=[key.alg]) == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": key.alg, "kid": "k1", "typ": "at+jwt"}


def test_i10_the_same_claims_give_the_same_bytes(private_key: PrivateKey) -> None:
    """A repeated request gets its token again, from any process that has the key."""
    first = SigningKey("k1", private_key).sign(CLAIMS).reveal()
    second = SigningKey("k1", private_key).sign(dict(CLAIMS)).reveal()
    assert first == second


def test_i10_other_claims_or_another_order_give_other_bytes(private_key: PrivateKey) -> None:
    """The order of the claims is part of what is signed."""
    key = SigningKey("k1", private_key)
    reordered = dict(reversed(CLAIMS.items()))
    assert key.sign(CLAIMS).reveal() != key.sign(reordered).reveal()
    assert key.sign(CLAIMS).reveal() != key.sign({**CLAIMS, "sub": "agent:bot2"}).reveal()


def test_claims_are_encoded_in_the_given_order_without_spaces() -> None:
    """The bytes follow from the claims alone."""
    token = SigningKey("k", new_private_key("EdDSA")).sign({"b": 1, "a": "ü"}).reveal()
    assert base64url.decode(token.split(".")[1]) == '{"b":1,"a":"ü"}'.encode()


def test_rfc_6979_the_published_vector_is_reproduced() -> None:
    """P-256 with SHA-256 over "sample" (appendix A.2.5): deterministic as the RFC has it."""
    private = ec.derive_private_key(
        0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1()
    )
    signature = SigningKey("k", private)._signature(b"sample")  # noqa: SLF001 - claims cannot spell "sample"
    assert signature.hex() == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


def test_rfc_7638_thumbprints_agree_with_another_library(private_key: PrivateKey) -> None:
    """Both name a key the same."""
    jwk = SigningKey("k1", private_key).jwk
    assert thumbprint(private_key) == thumbprint_of(jwk)
    assert joserfc.jwk.import_key(dict(jwk)).thumbprint() == thumbprint(private_key)


def test_rfc_7638_the_required_members_are_hashed_in_order() -> None:
    """No other member changes the name."""
    jwk = {"y": "2", "x": "1", "kty": "EC", "crv": "P-256", "use": "sig", "kid": "z"}
    text = json.dumps({"crv": "P-256", "kty": "EC", "x": "1", "y": "2"}, separators=(",", ":"))
    assert thumbprint_of(jwk) == base64url.encode(hashlib.sha256(text.encode()).digest())


def test_i13_the_published_half_is_public(private_key: PrivateKey) -> None:
    """No private member is in it."""
    jwk = SigningKey("k1", private_key).jwk
    assert set(jwk) <= {"kty", "crv", "x", "y", "kid", "alg", "use"}


def test_i13_neither_key_nor_token_prints_itself(private_key: PrivateKey) -> None:
    """Representations name the key and hide the token; neither can be copied out."""
    key = SigningKey("k1", private_key)
    assert repr(key) == f"SigningKey(kid='k1', alg={key.alg!r})"
    assert repr(key.sign(CLAIMS)) == "[secret]"
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.copy(key.sign(CLAIMS))


def test_a_token_can_be_of_another_type() -> None:
    """The throw-away issuer signs plain JWTs."""
    key = SigningKey("k1", new_private_key("ES256"), token_type="JWT")
    assert jwt.get_unverified_header(key.sign(CLAIMS).reveal())["typ"] == "JWT"


def test_other_keys_do_not_sign() -> None:
    """Only Ed25519 and P-256 sign our tokens."""
    with pytest.raises(UnfitKeyError):
        SigningKey("k1", ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(UnfitKeyError, match="EdDSA, ES256"):
        new_private_key("RS256")
    assert isinstance(new_private_key("EdDSA"), ed25519.Ed25519PrivateKey)
