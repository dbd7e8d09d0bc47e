import pytest

from broker.attestation.keyset import (
    MAX_DOCUMENT_BYTES,
    MAX_MEMBERS,
    SkippedKey,
    UnusableKeySetError,
    parse_key_set,
)
from tests.fakes.issuer import EC_256, EC_256_OTHER, RSA_2048, encode, public_jwk

GOOD = public_jwk(EC_256, "good", "ES256")


def parse(*members: object, **others: object):  # noqa: ANN201 - a KeySet, as its name says
    """Read a set of these members."""
    return parse_key_set(encode({"keys": members, **others}), ("ES256", "RS256"))


POISON: dict[str, object] = {
    "null": None,
    "string": "x",
    "number": 1,
    "list": [GOOD],
    "empty": {},
    "no kid": {name: value for name, value in GOOD.items() if name != "kid"},
    "kid null": {**GOOD, "kid": None},
    "kid number": {**GOOD, "kid": 1},
    "kid list": {**GOOD, "kid": ["a"]},
    "kid too long": {**GOOD, "kid": "k" * 257},
    "kid control": {**GOOD, "kid": "k\n"},
    "alg none": {**GOOD, "kid": "bad", "alg": "none"},
    "alg HS256": {**GOOD, "kid": "bad", "alg": "HS256"},
    "alg undeclared": {**GOOD, "kid": "bad", "alg": "ES384"},
    "alg list": {**GOOD, "kid": "bad", "alg": ["ES256"]},
    "symmetric": {"kty": "oct", "k": "c2VjcmV0", "kid": "bad", "alg": "HS256"},
    "symmetric as EC": {**GOOD, "kid": "bad", "k": "AQ"},
    "private EC": {**GOOD, "kid": "bad", "d": "AQ"},
    "private RSA": {**public_jwk(RSA_2048, "bad", "RS256"), "d": "AQ", "p": "AQ"},
    "use enc": {**GOOD, "kid": "bad", "use": "enc"},
    "key_ops encrypt": {**GOOD, "kid": "bad", "key_ops": ["encrypt"]},
    "kty unknown": {**GOOD, "kid": "bad", "kty": "XX"},
    "kty list": {**GOOD, "kid": "bad", "kty": ["EC"]},
    "kty missing": {name: value for name, value in GOOD.items() if name != "kty"} | {"kid": "bad"},
    "curve unknown": {**GOOD, "kid": "bad", "crv": "sect283k1"},
    "curve missing": {name: value for name, value in GOOD.items() if name != "crv"} | {"kid": "b"},
    "off the curve": {**GOOD, "kid": "bad", "x": GOOD["y"]},
    "x missing": {name: value for name, value in GOOD.items() if name != "x"} | {"kid": "bad"},
    "x not base64": {**GOOD, "kid": "bad", "x": "*" * 43},
    "RSA too small": {**public_jwk(RSA_2048, "bad", "RS256"), "n": "AQAB"},
    "RSA exponent 1": {**public_jwk(RSA_2048, "bad", "RS256"), "e": "AQ"},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
def test_b10_a_poisoned_member_costs_only_itself(poison: object) -> None:
    """The good key beside it works, and the bad one is reported with a reason."""
    key_set = parse(poison, GOOD)

    assert list(key_set.keys) == ["good"]
    assert len(key_set.skipped) == 1
    assert key_set.skipped[0].why


def test_b10_two_members_of_one_name_are_both_refused() -> None:
    """Nobody can say which of them was meant; the others work."""
    first = public_jwk(EC_256, "twin", "ES256")
    second = public_jwk(EC_256_OTHER, "twin", "ES256")

    key_set = parse(first, GOOD, second)

    assert list(key_set.keys) == ["good"]
    assert key_set.skipped == (SkippedKey("twin", "kid borne by several members"),) * 2


def test_b10_a_name_shared_with_a_bad_member_is_refused_as_well() -> None:
    """A good key does not gain the name that a bad one also bears."""
    twin = public_jwk(EC_256_OTHER, "twin", "ES256")
    assert list(parse(GOOD, twin, {**twin, "kty": "oct"}).keys) == ["good"]


def test_an_empty_list_is_a_set_without_keys() -> None:
    """The issuer has revoked all of them."""
    assert parse().keys == {}


def test_b8_a_set_of_unfit_members_is_no_set() -> None:
    """It is a mistake, not a revocation of everything."""
    with pytest.raises(UnusableKeySetError, match="none of its 2 keys is fit"):
        parse({**GOOD, "use": "enc"}, 1)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>sign in</html>",
        b"[]",
        b"{}",
        b'{"keys":null}',
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":' + b"[" * 20 + b"]" * 20 + b"}",
        b"\xff\xfe",
    ],
)
def test_b6_what_is_no_jwk_set_is_refused(document: bytes) -> None:
    """Garbage raises the one error for it, whatever it is."""
    with pytest.raises(UnusableKeySetError):
        parse_key_set(document, ("ES256",))


def test_b6_documents_and_lists_are_bounded() -> None:
    """Too many bytes and too many members are refused before any key is built."""
    with pytest.raises(UnusableKeySetError, match="at most"):
        parse_key_set(b" " * (MAX_DOCUMENT_BYTES + 1), ("ES256",))
    with pytest.raises(UnusableKeySetError, match="more than"):
        parse(*[1] * (MAX_MEMBERS + 1))


def test_other_members_of_the_set_are_ignored() -> None:
    """RFC 7517 §5 says so."""
    assert list(parse(GOOD, extra={"a": 1}).keys) == ["good"]
