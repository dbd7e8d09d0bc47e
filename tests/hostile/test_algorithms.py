"""Part B of the dangers, on algorithms and signatures: a full attest with real keys."""

import hashlib
import hmac
import json
import math

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from broker import base64url
from broker.attestation.reasons import Reason
from tests.fakes.attestation import Bench, honest_claims
from tests.fakes.issuer import (
    ALGORITHMS,
    EC_256,
    EC_384,
    ED_25519,
    KEYS,
    RSA_2048,
    Signer,
    encode,
    public_jwk,
    sign_raw,
)

ALL = list(KEYS)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED_ORDER = 2**252 + 27742317777372353535851937790883648493


def bench_for(alg: str) -> Bench:
    """Trust an issuer that signs with one algorithm."""
    bench = Bench(algorithms=[alg])
    bench.signer = Signer(alg=alg)
    bench.source.document = bench.signer.jwks()
    return bench


def with_header(bench: Bench, **header: object) -> str:
    """Write an unsigned token with this header and honest claims."""
    body = encode(honest_claims(bench.clock))
    return f"{base64url.encode(encode(header))}.{base64url.encode(body)}"


def public_forms(alg: str) -> dict[str, bytes]:
    """Write a trusted public key in every form that somebody may have taken for a secret."""
    public = KEYS[alg].public_key()
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    forms = {
        "pem": public.public_bytes(pem, info),
        "pem stripped": public.public_bytes(pem, info).strip(),
        "der": public.public_bytes(der, info),
        "bom": b"\xef\xbb\xbf" + public.public_bytes(pem, info),
        "jwk": encode(public_jwk(KEYS[alg], "k1", alg)),
        "jwks": Signer(alg=alg).jwks(),
        "nothing": b"",
    }
    if alg == "RS256":
        forms["pkcs1"] = public.public_bytes(pem, serialization.PublicFormat.PKCS1)
    openssh = serialization.PublicFormat.OpenSSH
    return {**forms, "ssh": public.public_bytes(serialization.Encoding.OpenSSH, openssh)}


@pytest.mark.parametrize("alg", ALL)
async def test_every_algorithm_that_can_be_declared_works(alg: str) -> None:
    """The refusals below are not refusals of everything."""
    bench = bench_for(alg)
    assert (await bench.attestation.attest(bench.token())).name == "invoice-bot"


@pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384", "EdDSA"])
async def test_b1_no_form_of_a_public_key_is_an_hmac_secret(alg: str) -> None:
    """B1: CVE-2017-11424, CVE-2022-29217, CVE-2026-48526, CVE-2024-33663 (key confusion)."""
    bench = bench_for(alg)
    for name, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        unsigned = with_header(bench, alg=name, kid="k1", typ="JWT")
        for secret in public_forms(alg).values():
            mac = hmac.new(secret, unsigned.encode(), digest).digest()
            token = f"{unsigned}.{base64url.encode(mac)}"
            assert await bench.reason_of(token) == Reason.ALGORITHM


@pytest.mark.parametrize(
    ("declared", "used"),
    [("PS256", "RS256"), ("RS256", "PS256"), ("RS256", "RS512"), ("ES256", "ES384")],
)
async def test_b2_header_key_and_declaration_name_one_algorithm(declared: str, used: str) -> None:
    """B2: CVE-2026-48523 (the list was checked on the header, the key's own alg was used)."""
    bench = Bench(algorithms=[declared, used])
    bench.source.document = encode({"keys": [public_jwk(KEYS[declared], "k1", declared)]})
    token = sign_raw(
        encode({"alg": used, "kid": "k1"}), encode(honest_claims(bench.clock)), KEYS[used], used
    )
    assert await bench.reason_of(token) == Reason.ALGORITHM

    bench = bench_for(declared)
    assert await bench.reason_of(token) == Reason.ALGORITHM


@pytest.mark.parametrize(
    "alg",
    ["none", "None", "nOnE", "NONE", "", None, 0, True, ["ES256"], {"a": 1}, "ES256 ", "es256"],
)
async def test_b3_only_a_listed_word_is_an_algorithm(alg: object) -> None:
    """B3: advisory GHSA-pxh4 (none, empty, of another type)."""
    bench = Bench()
    header = encode({"alg": alg, "kid": "k1", "typ": "JWT"})
    token = sign_raw(header, encode(honest_claims(bench.clock)), EC_256, "ES256")
    assert await bench.reason_of(token) == Reason.ALGORITHM


async def test_b3_a_token_without_signature_is_no_token() -> None:
    """B3: stripped, emptied, with too few or too many parts."""
    bench = Bench()
    honest = bench.token()
    head, body, signature = honest.split(".")
    none = with_header(bench, alg="none", kid="k1")
    for token in (
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{none}.",
        f"{head}.{body}.{signature}.",
        f"{head}.{body}.{signature}.{signature}",
        f".{body}.{signature}",
        f"{head}..{signature}",
        "..",
        "",
    ):
        assert await bench.reason_of(token) == Reason.MALFORMED


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 0), (0, 1), (1, 0), (1, 1), (P256_ORDER, 1), (1, P256_ORDER), (P256_ORDER, P256_ORDER)],
)
async def test_b22_psychic_signatures_do_not_hold(r: int, s: int) -> None:
    """B22: CVE-2022-21449 (numbers out of range verified anything)."""
    bench = Bench()
    unsigned = bench.token().rpartition(".")[0]
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    token = f"{unsigned}.{base64url.encode(signature)}"
    assert await bench.reason_of(token) == Reason.SIGNATURE


async def test_b22_a_signature_has_its_one_form() -> None:
    """B22: DER instead of raw, shortened, prolonged, doubled."""
    bench = Bench()
    unsigned, _, text = bench.token().rpartition(".")
    raw = base64url.decode(text)
    halves = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    for signature in (
        utils.encode_dss_signature(*halves),
        raw[:-1],
        raw[1:],
        raw + b"\0",
        b"\0" + raw,
        raw + raw,
        raw[32:] + raw[:32],
    ):
        token = f"{unsigned}.{base64url.encode(signature)}"
        assert await bench.reason_of(token) == Reason.SIGNATURE


async def test_b22_a_key_of_another_curve_verifies_nothing() -> None:
    """B22: a P-384 key named for ES256 is left out of the set."""
    bench = Bench()
    bench.source.document = encode(
        {
            "keys": [
                public_jwk(EC_256, "k1", "ES256"),
                {**public_jwk(EC_384, "k2", "ES384"), "alg": "ES256"},
            ]
        }
    )
    header = encode({"alg": "ES256", "kid": "k2"})
    unsigned = f"{base64url.encode(header)}.{base64url.encode(encode(honest_claims(bench.clock)))}"
    signature = ALGORITHMS["ES384"].sign(unsigned.encode(), EC_384)
    token = f"{unsigned}.{base64url.encode(signature)}"
    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY


async def test_b20_the_twin_of_an_ecdsa_signature_is_the_same_bearer() -> None:
    """B20, M3: (r, n-s) holds as well as (r, s): it may show the same, never more."""
    bench = Bench()
    token = bench.token()
    unsigned, _, text = token.rpartition(".")
    raw = base64url.decode(text)
    twin = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")

    shown = await bench.attestation.attest(f"{unsigned}.{base64url.encode(twin)}")

    assert shown == await bench.attestation.attest(token)


@pytest.mark.parametrize("suffix", ["=", "==", "A", "\n", " ", "."])
async def test_b20_a_signature_has_one_spelling(suffix: str) -> None:
    """B20: padding was accepted again by a library (M3); here there is one spelling."""
    bench = Bench()
    assert await bench.reason_of(bench.token() + suffix) in {Reason.MALFORMED, Reason.SIGNATURE}


async def test_b20_unused_bits_of_the_last_character_are_zero() -> None:
    """B20: the last character of a 64-byte signature has four bits to spare."""
    bench = Bench()
    token = bench.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    for other in range(last + 1, last + 16):
        assert await bench.reason_of(token[:-1] + alphabet[other]) == Reason.MALFORMED


async def test_b22_the_twin_of_an_eddsa_signature_does_not_hold() -> None:
    """B22: S + L is another spelling of S that RFC 8032 §5.1.7 forbids."""
    bench = bench_for("EdDSA")
    unsigned, _, text = bench.token().rpartition(".")
    raw = base64url.decode(text)
    twin = int.from_bytes(raw[32:], "little") + ED_ORDER
    token = f"{unsigned}.{base64url.encode(raw[:32] + twin.to_bytes(32, 'little'))}"
    assert await bench.reason_of(token) == Reason.SIGNATURE


@pytest.mark.parametrize("alg", ALL)
async def test_b22_every_bit_of_what_is_signed_counts(alg: str) -> None:
    """B22: one bit flipped anywhere, in header, claims or signature, and it is no evidence."""
    bench = bench_for(alg)
    token = bench.token()
    for position in range(0, len(token), 7):
        changed = "A" if token[position] != "A" else "B"
        spoiled = token[:position] + changed + token[position + 1 :]
        assert await bench.reason_of(spoiled)


@pytest.mark.parametrize(
    "curve", [ec.SECP256K1(), ec.SECP521R1(), ec.SECP224R1(), ec.BrainpoolP256R1()]
)
async def test_b23_keys_on_other_curves_are_left_out(curve: ec.EllipticCurve) -> None:
    """B23: small-subgroup curves (cryptography < 46.0.5), and all but P-256 and P-384."""
    bench = Bench()
    numbers = ec.generate_private_key(curve).public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    member = {
        "kty": "EC",
        "crv": {"secp256k1": "secp256k1", "secp521r1": "P-521"}.get(curve.name, curve.name),
        "kid": "odd",
        "x": base64url.encode(numbers.x.to_bytes(size, "big")),
        "y": base64url.encode(numbers.y.to_bytes(size, "big")),
    }
    for crv in (member["crv"], "P-256"):
        bench.source.document = encode({"keys": [*bench.signer.members, {**member, "crv": crv}]})
        await bench.issuer.keys.refresh()
        bench.clock.advance(10_000)
        assert await bench.attestation.attest(bench.token())
        assert await bench.reason_of(bench.signer.sign(honest_claims(bench.clock), kid="odd")) == (
            Reason.UNKNOWN_KEY
        )


@pytest.mark.parametrize(
    ("bits", "exponent"),
    [
        (512, 65537),
        (1024, 65537),
        (2047, 65537),
        (8192, 65537),
        (2048, 3),
        (2048, 1),
        (2048, 65536),
    ],
)
async def test_m4_weak_and_costly_rsa_keys_are_left_out(bits: int, exponent: int) -> None:
    """B10, M4: from 2048 to 4096 bits, exponents from 65537; judged before any arithmetic."""
    bench = Bench(algorithms=["RS256"])
    modulus = (1 << (bits - 1)) | 1
    member = {
        "kty": "RSA",
        "kid": "k1",
        "n": base64url.encode(modulus.to_bytes((bits + 7) // 8, "big")),
        "e": base64url.encode(exponent.to_bytes(3, "big").lstrip(b"\0")),
    }
    bench.source.document = encode({"keys": [member, public_jwk(RSA_2048, "good", "RS256")]})
    token = sign_raw(
        encode({"alg": "RS256", "kid": "k1"}), encode(honest_claims(bench.clock)), RSA_2048, "RS256"
    )
    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY


async def test_b10_rsa_keys_that_can_be_guessed_are_left_out() -> None:
    """B10, B22: CVE-2017-15361 (ROCA); its moduli are powers of 65537 modulo small primes."""
    bench = bench_for("RS256")
    product = math.prod(n for n in range(2, 700) if all(n % d for d in range(2, n)))
    modulus = pow(65537, 12_345, product) + product * ((3 << 2046) // product)
    assert modulus.bit_length() == 2048
    member = {
        **public_jwk(RSA_2048, "guessable", "RS256"),
        "n": base64url.encode(modulus.to_bytes(256, "big")),
    }
    bench.signer.members.append(member)
    bench.source.document = bench.signer.jwks()
    token = bench.signer.sign(honest_claims(bench.clock), kid="guessable")

    assert await bench.attestation.attest(bench.token())
    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY


@pytest.mark.parametrize("point", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
async def test_b22_ed25519_points_of_small_order_are_left_out(point: int) -> None:
    """B22: under such a key one signature passes for many messages."""
    bench = Bench(algorithms=["EdDSA"])
    member = {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": "k1",
        "x": base64url.encode(point.to_bytes(32, "little")),
    }
    bench.source.document = encode({"keys": [member, public_jwk(ED_25519, "good", "EdDSA")]})
    unsigned = with_header(bench, alg="EdDSA", kid="k1")
    token = f"{unsigned}.{base64url.encode((1).to_bytes(32, 'little') + bytes(32))}"
    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY


async def test_a_signature_over_other_bytes_is_none() -> None:
    """RFC 7515 §5.2: the encoded parts are signed, not what they decode to."""
    bench = Bench()
    head, body, _ = bench.token().split(".")
    decoded = base64url.decode(head) + b"." + base64url.decode(body)
    digest = hashlib.sha256(f"{head}.{body}".encode()).digest()
    for signed in (decoded, digest, body.encode(), f"{head}.{body}.".encode()):
        signature = ALGORITHMS["ES256"].sign(signed, EC_256)
        token = f"{head}.{body}.{base64url.encode(signature)}"
        assert await bench.reason_of(token) == Reason.SIGNATURE
    assert json.loads(base64url.decode(head))["alg"] == "ES256"
