from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from jwt.algorithms import get_default_algorithms

from broker import base64url
from broker.attestation.jwk import read_jwk
from broker.proof.public_jwk import UnfitJwkError
from tests.fakes.issuer import EC_256, EC_384, ED_25519, KEYS, RSA_2048, public_jwk

ALL = tuple(KEYS)
EC = public_jwk(EC_256, "k1", "ES256")
ED = public_jwk(ED_25519, "k1", "EdDSA")
RSA = public_jwk(RSA_2048, "k1", "RS256")


def refusal_of(member: object, *algorithms: str) -> str:
    """Return why a JWK is not taken."""
    with pytest.raises(UnfitJwkError) as caught:
        read_jwk(member, algorithms or ALL)
    return str(caught.value)


def without(member: Mapping[str, object], *names: str) -> dict[str, object]:
    """Leave members out."""
    return {name: value for name, value in member.items() if name not in names}


def number(value: int) -> str:
    """Write an integer as a JWK does."""
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@pytest.mark.parametrize("alg", ALL)
def test_a_key_of_each_algorithm_verifies_what_it_signed(alg: str) -> None:
    """And nothing else: not other bytes, not with another signature."""
    key = read_jwk(public_jwk(KEYS[alg], "k1", alg), ALL)
    signature = get_default_algorithms()[alg].sign(b"data", KEYS[alg])

    assert (key.key_id, key.algorithm.name) == ("k1", alg)
    assert key.verifies(b"data", signature)
    assert not key.verifies(b"datb", signature)
    assert not key.verifies(b"data", signature[:-1])
    assert not key.verifies(b"data", b"")


def test_without_alg_the_shape_of_a_curve_key_says_which() -> None:
    """An EC or Ed25519 key fits one algorithm only."""
    assert read_jwk(without(EC, "alg"), ALL).algorithm.name == "ES256"
    assert read_jwk(without(ED, "alg"), ALL).algorithm.name == "EdDSA"


def test_b2_an_rsa_key_without_alg_needs_a_sole_declared_algorithm() -> None:
    """One key, one algorithm: with several to choose from it has none."""
    assert read_jwk(without(RSA, "alg"), ("RS256", "ES256")).algorithm.name == "RS256"
    assert "ambiguous" in refusal_of(without(RSA, "alg"), "RS256", "PS256")


@pytest.mark.parametrize(
    ("member", "algorithms"),
    [
        ({**RSA, "alg": "PS256"}, ["RS256"]),
        ({**RSA, "alg": "RS256"}, ["PS256"]),
        ({**EC, "alg": "ES384"}, ["ES256", "ES384"]),
        ({**EC, "alg": "RS256"}, ["RS256", "ES256"]),
        ({**RSA, "alg": "ES256"}, ["RS256", "ES256"]),
        ({**EC, "alg": "none"}, ["ES256"]),
        ({**EC, "alg": None}, ["ES256"]),
        ({**EC, "alg": ["ES256"]}, ["ES256"]),
        ({**EC, "alg": "HS256"}, ["ES256"]),
    ],
)
def test_b1_b2_a_key_for_another_algorithm_is_refused(
    member: dict[str, object], algorithms: list[str]
) -> None:
    """The key's ``alg`` must be declared and fit its type."""
    assert refusal_of(member, *algorithms) == "alg not declared"


@pytest.mark.parametrize("secret", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_b10_a_private_member_spoils_the_key(secret: str) -> None:
    """An issuer that publishes private parts has lost that key."""
    assert refusal_of({**RSA, secret: "AQ"}) == "private or symmetric"


def test_b10_a_symmetric_key_is_refused() -> None:
    """``oct`` is never a verification key."""
    assert refusal_of({"kty": "oct", "kid": "k1", "alg": "HS256"}) == "private or symmetric"


@pytest.mark.parametrize("member", [None, [], "x", 1])
def test_b10_only_an_object_is_a_key(member: object) -> None:
    """Other values have no members."""
    assert refusal_of(member) == "not an object"


@pytest.mark.parametrize(
    "members",
    [{"use": "enc"}, {"use": None}, {"use": ["sig"]}, {"key_ops": ["sign"]}, {"key_ops": "verify"}],
)
def test_b10_a_key_for_another_use_is_refused(members: dict[str, object]) -> None:
    """Only keys for verifying signatures are taken."""
    assert refusal_of({**EC, **members}).startswith("not for")


@pytest.mark.parametrize("members", [{"use": "jwt-svid"}, {"key_ops": ["verify"]}])
def test_other_spellings_of_the_use_pass(members: dict[str, object]) -> None:
    """SPIFFE bundles say ``jwt-svid``."""
    assert read_jwk({**EC, **members}, ALL)
    assert read_jwk(without({**EC, **members}, "use"), ALL)


@pytest.mark.parametrize("kid", [None, "", 1, ["k"], "a b", "k\n", "x" * 257])
def test_b4_b10_a_key_that_no_token_may_name_is_refused(kid: object) -> None:
    """The name keeps the grammar of ``kid``."""
    assert refusal_of({**EC, "kid": kid}) == "kid missing or malformed"


@pytest.mark.parametrize("bits", [512, 1024, 2047, 4097, 16384])
def test_m4_rsa_keys_of_other_sizes_are_refused(bits: int) -> None:
    """Weak keys, and those that cost too much time, are refused by their size alone."""
    modulus = (1 << bits - 1) | 1
    assert "2048 to 4096" in refusal_of({**RSA, "n": number(modulus)})


@pytest.mark.parametrize("exponent", [1, 2, 3, 17, 65536, 65538, 2**32 + 1, 2**512 + 1])
def test_m4_rsa_exponents_are_bounded(exponent: int) -> None:
    """Small, even and huge exponents are refused."""
    assert "exponent" in refusal_of({**RSA, "e": number(exponent)})


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa_keys_of_usual_sizes_pass(bits: int) -> None:
    """Both bounds are within."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << bits - 1) | 1)
    assert read_jwk({**RSA, "n": number(numbers.n)}, ALL).public_key.key_size == bits  # type: ignore[union-attr] - RSA it is


@pytest.mark.parametrize("name", ["n", "e"])
@pytest.mark.parametrize("value", [None, 1, "", "A", "!!", "AQ==", ["AQAB"]])
def test_b10_malformed_rsa_numbers_are_refused(name: str, value: object) -> None:
    """A number is a string in canonical base64url."""
    refusal_of({**RSA, name: value})


@pytest.mark.parametrize("name", ["x", "y"])
@pytest.mark.parametrize("value", [None, 1, "", "A", "AQ", number(2**256), number(2**255), ["x"]])
def test_b10_b22_points_off_the_curve_are_refused(name: str, value: object) -> None:
    """Coordinates have 32 bytes and lie on P-256."""
    refusal_of({**EC, name: value})


@pytest.mark.parametrize("crv", ["P-384", "P-521", "secp256k1", "sect283k1", "P-256 ", None, 1, {}])
def test_b22_b23_other_curves_are_refused(crv: object) -> None:
    """A key says P-256 for ES256, P-384 for ES384, and is on that curve."""
    refusal_of({**EC, "crv": crv})
    refusal_of({**EC, "crv": crv, "alg": "ES384"})


def test_b23_a_key_on_a_koblitz_curve_is_refused() -> None:
    """A well-formed secp256k1 key fits no algorithm."""
    key = ec.generate_private_key(ec.SECP256K1())
    public = get_default_algorithms()["ES256K"].to_jwk(key.public_key(), as_dict=True)
    assert refusal_of({**public, "kid": "k1"}) == "alg not declared"


def test_b22_a_p384_key_does_not_do_es256() -> None:
    """Each curve has its own algorithm."""
    assert refusal_of(public_jwk(EC_384, "k1", "ES256"), "ES256") == "alg not declared"


def test_b23_an_ed448_key_is_refused() -> None:
    """EdDSA means Ed25519."""
    key = ed448.Ed448PrivateKey.generate()
    public = get_default_algorithms()["EdDSA"].to_jwk(key.public_key(), as_dict=True)
    assert refusal_of({**public, "kid": "k1", "alg": "EdDSA"}) == "alg not declared"


PRIME = 2**255 - 19


def is_on_edwards25519(x: int, y: int) -> bool:
    """Tell whether a point satisfies the curve's equation (RFC 8032 §5.1)."""
    d = -121665 * pow(121666, -1, PRIME)
    return (y * y - x * x - 1 - d * x * x * y * y) % PRIME == 0


def test_b22_the_points_of_order_eight_are_those_of_the_curve() -> None:
    """The refused coordinate is on the curve, and its double has y = 0, a point of order four."""
    y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    d = -121665 * pow(121666, -1, PRIME)
    x_squared = (y * y - 1) * pow(d * y * y + 1, -1, PRIME) % PRIME
    root = pow(x_squared, (PRIME + 3) // 8, PRIME)
    x = root if root * root % PRIME == x_squared else root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    assert is_on_edwards25519(x, y)
    # Doubling: y' = (y² + x²) / (1 - d x² y²), which is 0 for a point of order 8.
    assert (y * y + x * x) * pow(1 - d * x * x * y * y, -1, PRIME) % PRIME == 0


SMALL_ORDER = [
    0,
    1,
    PRIME - 1,
    PRIME,
    PRIME + 1,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    PRIME - 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
]


@pytest.mark.parametrize("y", SMALL_ORDER)
@pytest.mark.parametrize("sign", [0, 1])
def test_b22_points_of_small_order_are_refused(y: int, sign: int) -> None:
    """Under such a key one signature passes for many messages."""
    point = (y | sign << 255).to_bytes(32, "little")
    assert refusal_of({**ED, "x": base64url.encode(point)}) == "point of small order"


@pytest.mark.parametrize(
    "value", [None, 1, "", base64url.encode(b"x" * 31), base64url.encode(b"x" * 33)]
)
def test_b10_ed25519_points_have_32_bytes(value: object) -> None:
    """Anything else is no point."""
    refusal_of({**ED, "x": value})
