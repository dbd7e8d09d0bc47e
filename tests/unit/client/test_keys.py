import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from broker.client.keys import MAX_KEYS, FixedKeys, parse_key_set
from tests.fakes import token_mint as mint
from tests.fakes.rows import named

ED, P256 = mint.key_set()["keys"]


def p384() -> dict[str, object]:
    """Return a key on a curve that we do not use."""
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    return {**ECAlgorithm.to_jwk(public, as_dict=True), "kid": "other"}


def rsa_key() -> dict[str, object]:
    """Return a key of a kind that we do not use."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return {**RSAAlgorithm.to_jwk(public, as_dict=True), "kid": "other", "alg": "RS256"}


def test_both_kinds_of_key_are_read_and_carry_their_algorithm() -> None:
    """The algorithm follows from the key's type, not from what a token says."""
    keys = parse_key_set(mint.key_set())

    assert {kid: key.alg for kid, key in keys.items()} == {"ed-1": "EdDSA", "ec-1": "ES256"}


@pytest.mark.parametrize("kid", [mint.ED_KID, mint.EC_KID])
def test_a_key_verifies_its_own_signature_and_no_other(kid: str) -> None:
    """A changed text, a changed signature and the other key's signature do not verify."""
    key = parse_key_set(mint.key_set())[kid]
    good = mint.signature(b"text", kid=kid)
    other = mint.EC_KID if kid == mint.ED_KID else mint.ED_KID

    assert key.verifies(b"text", good)
    assert not key.verifies(b"texts", good)
    assert not key.verifies(b"text", good[:-1] + bytes([good[-1] ^ 1]))
    assert not key.verifies(b"text", mint.signature(b"text", kid=other))


@pytest.mark.parametrize(
    "signature", [b"", b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 65, b"\0" * 96]
)
@pytest.mark.parametrize("kid", [mint.ED_KID, mint.EC_KID])
def test_degenerate_signatures_do_not_verify(kid: str, signature: bytes) -> None:
    """Zeros, ones and wrong lengths are refused without another exception."""
    assert not parse_key_set(mint.key_set())[kid].verifies(b"text", signature)


@pytest.mark.parametrize(
    "bad",
    named(
        [
            None,
            1,
            "text",
            [],
            {},
            {"kid": "x"},
            {"kty": "oct", "kid": "x", "k": "AAAA", "alg": "HS256"},
            {**ED, "kid": None},
            {**ED, "kid": 7},
            {**ED, "kid": ""},
            {**ED, "kid": "a b"},
            {**ED, "kid": ["x"]},
            {**ED, "kid": "x", "alg": "none"},
            {**ED, "kid": "x", "alg": "HS256"},
            {**ED, "kid": "x", "alg": "ES256"},
            {**ED, "kid": "x", "alg": ["EdDSA"]},
            {**ED, "kid": "x", "use": "enc"},
            {**ED, "kid": "x", "use": ["sig"]},
            {**ED, "kid": "x", "key_ops": ["sign"]},
            {**ED, "kid": "x", "key_ops": "verify"},
            {**ED, "kid": "x", "crv": "Ed448"},
            {**ED, "kid": "x", "crv": "X25519"},
            {**ED, "kid": "x", "x": "AA"},
            {**ED, "kid": "x", "x": None},
            {**ED, "kid": "x", "x": 5},
            {**ED, "kid": "x", "x": f"{ED['x']}="},
            {**ED, "kid": "x", "d": ED["x"]},
            {**P256, "kid": "x", "y": P256["x"]},
            {**P256, "kid": "x", "y": "A" * 43},
            {**P256, "kid": "x", "crv": "secp256k1"},
            {**P256, "kid": "x", "alg": "ES384"},
            {**P256, "kid": "x", "kty": "OKP"},
            p384(),
            rsa_key(),
        ]
    ),
)
def test_one_bad_member_does_not_spoil_the_set(bad: object) -> None:
    """What is not one of our public signing keys is left out; the others stay."""
    keys = parse_key_set({"keys": [bad, ED, P256]})

    assert set(keys) == {mint.ED_KID, mint.EC_KID}


def test_a_name_that_occurs_twice_is_left_out() -> None:
    """Nobody can tell which of two keys of one name is meant, even if one of them is unusable."""
    twice = {**P256, "kid": mint.ED_KID}
    unusable = {"kid": mint.EC_KID, "kty": "oct"}

    assert set(parse_key_set({"keys": [ED, twice, P256]})) == {mint.EC_KID}
    assert set(parse_key_set({"keys": [ED, P256, unusable]})) == {mint.ED_KID}


@pytest.mark.parametrize(
    "document",
    [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"keys": []}, {"keys": [rsa_key()]}],
    ids=lambda document: json.dumps(document)[:20],
)
def test_a_set_without_a_usable_key_is_no_set(document: object) -> None:
    """An empty set must never replace a good one."""
    with pytest.raises(ValueError, match="JWK set"):
        parse_key_set(document)


@pytest.mark.parametrize("count", [MAX_KEYS - 1, MAX_KEYS, MAX_KEYS + 1])
def test_a_set_has_at_most_so_many_members(count: int) -> None:
    """The bound itself is allowed, one more is not."""
    members = [{**ED, "kid": f"k{number}"} for number in range(count)]

    if count <= MAX_KEYS:
        assert len(parse_key_set({"keys": members})) == count
    else:
        with pytest.raises(ValueError, match="JWK set"):
            parse_key_set({"keys": members})


async def test_fixed_keys_find_what_they_were_given() -> None:
    """A known name has its key, an unknown one has none."""
    keys = FixedKeys(parse_key_set(mint.key_set()))

    assert (await keys.find(mint.ED_KID)) is not None
    assert (await keys.find("other")) is None


def test_a_key_shows_no_material() -> None:
    """A key in a log line is its name and algorithm."""
    key = parse_key_set(mint.key_set())[mint.ED_KID]

    assert repr(key) == "VerificationKey(kid='ed-1', alg='EdDSA')"
