"""DPoP proofs by RFC 9449 §4.3 (DP-1 to DP-6, C6, C7)."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from broker import base64url
from broker.proof.confirmation import Binding, Confirmation
from broker.proof.dpop import ProofChecker, ProofError, Target, hash_of, read_proof
from broker.proof.dpop_key import DpopKey
from broker.proof.public_jwk import thumbprint_of
from broker.proof.replays import MemoryReplays
from broker.proof.target import same_target
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import EC_256, EC_384, ED_25519, RSA_2048, encode, public_jwk, sign_raw

URL = "https://orders.example/v1/orders"
TARGET = Target("POST", URL)
TOKEN = "header.claims.signature"


class Bench:
    """A checker and a clock, and proofs crafted member by member."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.replays = MemoryReplays(self.clock)
        self.checker = ProofChecker(self.clock, self.replays)
        self.key = DpopKey(EC_256, self.clock)

    def claims(self, **changes: object) -> dict[str, object]:
        """Say what an honest proof says; a change to ``...`` leaves a claim out."""
        claims = {
            "jti": "j-1",
            "htm": "POST",
            "htu": URL,
            "iat": self.clock.now_ms() // 1000,
            "ath": hash_of(TOKEN),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not ...}

    def crafted(self, claims: object = ..., **header: object) -> str:
        """Sign any claims under a header with some members changed."""
        merged = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(), **header}
        kept = {name: value for name, value in merged.items() if value is not ...}
        payload = self.claims() if claims is ... else claims
        return sign_raw(encode(kept), encode(payload), EC_256, "ES256")

    async def refusal_of(self, text: str, target: Target = TARGET, token: str = TOKEN) -> str:
        """Return why a proof is refused."""
        with pytest.raises(ProofError) as caught:
            await self.checker.check(text, target, token=token)
        return str(caught.value)


def jwk(**changes: object) -> dict[str, object]:
    """Write the public key of the bench."""
    members = public_jwk(EC_256, "", "ES256")
    return {name: members[name] for name in ("kty", "crv", "x", "y")} | changes


@pytest.fixture
def bench() -> Bench:
    """Make a bench."""
    return Bench()


async def test_a_proof_shows_the_key_of_its_sender(bench: Bench) -> None:
    """Made by our helper and by hand alike."""
    expected = Confirmation(Binding.DPOP, bench.key.thumbprint)
    made = bench.key.proof("POST", URL, token=TOKEN)

    assert await bench.checker.check(made, TARGET, token=TOKEN) == expected
    assert await bench.checker.check(bench.crafted(), TARGET, token=TOKEN) == expected


def test_dp1_hashes_are_those_of_the_rfc() -> None:
    """The constants of RFC 9449 §7.1 and §6.1."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    key = {
        "kty": "EC",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "crv": "P-256",
    }

    assert hash_of(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    assert thumbprint_of(key) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


async def test_dp2_a_proof_is_accepted_once(bench: Bench) -> None:
    """Played again it is refused, for as long as it would else be accepted."""
    proof = bench.key.proof("POST", URL, token=TOKEN)
    assert await bench.checker.check(proof, TARGET, token=TOKEN)

    assert "used before" in await bench.refusal_of(proof)
    bench.clock.advance(59_000)
    assert "used before" in await bench.refusal_of(proof)
    bench.clock.advance(1_000)
    assert "too long ago" in await bench.refusal_of(proof)


async def test_b20_the_same_proof_signed_otherwise_is_the_same_proof(bench: Bench) -> None:
    """ECDSA signs one text in many ways: what counts is the key and the jti."""
    claims = bench.claims()
    assert await bench.checker.check(bench.crafted(claims), TARGET, token=TOKEN)

    assert "used before" in await bench.refusal_of(bench.crafted(claims))


async def test_the_jti_of_one_key_says_nothing_about_another(bench: Bench) -> None:
    """Nobody can use up somebody else's proofs."""
    other = ec.generate_private_key(ec.SECP256R1())
    theirs = public_jwk(other, "", "ES256")
    header = {
        "typ": "dpop+jwt",
        "alg": "ES256",
        "jwk": {n: theirs[n] for n in ("kty", "crv", "x", "y")},
    }
    rival = sign_raw(encode(header), encode(bench.claims()), other, "ES256")

    assert await bench.checker.check(bench.crafted(), TARGET, token=TOKEN)
    assert await bench.checker.check(rival, TARGET, token=TOKEN)


async def test_a_refused_proof_is_not_used_up(bench: Bench) -> None:
    """It is remembered only after everything else holds."""
    proof = bench.crafted()
    await bench.refusal_of(proof, Target("GET", URL))
    await bench.refusal_of(proof, token="another")

    assert await bench.checker.check(proof, TARGET, token=TOKEN)


@pytest.mark.parametrize("member", ["d", "p", "k"])
async def test_dp4_a_private_key_is_refused(bench: Bench, member: str) -> None:
    """Who shows it has given it away."""
    assert "private key" in await bench.refusal_of(bench.crafted(jwk=jwk(**{member: "AQAB"})))


async def test_a_proof_signed_by_another_key_than_it_shows_is_refused(bench: Bench) -> None:
    """The signature is checked by the key in the header, and by no other."""
    theirs = DpopKey.generate(bench.clock)
    stolen = read_header(theirs.proof("POST", URL, token=TOKEN))["jwk"]

    assert "not by the key" in await bench.refusal_of(bench.crafted(jwk=stolen))


@pytest.mark.parametrize(
    "alg", ["none", "HS256", "RS256", "PS256", "ES384", "EdDSA", "", 7, None, ...]
)
async def test_only_the_listed_algorithms_are_taken(bench: Bench, alg: object) -> None:
    """And each only with a key of its own family."""
    assert await bench.refusal_of(bench.crafted(alg=alg))


@pytest.mark.parametrize(
    "key",
    [
        ...,
        None,
        [],
        "text",
        {},
        {"kty": "oct", "k": "AAAA"},
        public_jwk(RSA_2048, "", "RS256"),
        public_jwk(EC_384, "", "ES384"),
        public_jwk(ED_25519, "", "EdDSA"),
        jwk(x="AAAA"),
        jwk(y=jwk()["x"]),
        jwk(x=None),
        jwk(crv="P-384"),
        jwk(kty="EC "),
        jwk(alg="ES384"),
        jwk(use="enc"),
    ],
)
async def test_a_key_of_another_kind_is_refused(bench: Bench, key: object) -> None:
    """Never an exception of another kind."""
    assert await bench.refusal_of(bench.crafted(jwk=key))


@pytest.mark.parametrize("member", ["kid", "crit", "jku", "x5c", "b64", "nonce"])
async def test_a_header_with_anything_else_is_refused(bench: Bench, member: str) -> None:
    """It holds typ, alg and jwk."""
    assert await bench.refusal_of(bench.crafted(**{member: "x"}))


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "dpop", "application/dpop+jwt", "", 7, None, ...])
async def test_b14_another_type_is_refused(bench: Bench, typ: object) -> None:
    """No other class of token passes for a proof."""
    assert await bench.refusal_of(bench.crafted(typ=typ))


async def test_an_eddsa_proof_is_taken(bench: Bench) -> None:
    """The other listed algorithm."""
    okp = public_jwk(ED_25519, "", "EdDSA")
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {n: okp[n] for n in ("kty", "crv", "x")}}
    proof = sign_raw(encode(header), encode(bench.claims()), ED_25519, "EdDSA")

    assert await bench.checker.check(proof, TARGET, token=TOKEN)


@pytest.mark.parametrize("claim", ["jti", "htm", "htu", "iat", "ath"])
async def test_c7_every_claim_is_needed(bench: Bench, claim: str) -> None:
    """A proof without ``ath`` least of all proves anything about the token."""
    assert await bench.refusal_of(bench.crafted(bench.claims(**{claim: ...})))


@pytest.mark.parametrize(
    "iat", ["1e999", "-1", "0", "[]", "{}", "null", "true", '"1"', "1.5", "NaN", "9" * 50]
)
async def test_dp6_a_strange_iat_is_a_refusal(bench: Bench, iat: str) -> None:
    """Never a 500: anybody can send such a proof."""
    text = json.dumps(bench.claims(iat="HERE")).replace('"HERE"', iat)
    header = encode({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk()})

    assert await bench.refusal_of(sign_raw(header, text.encode(), EC_256, "ES256"))


@pytest.mark.parametrize("claim", ["jti", "htm", "htu", "ath"])
@pytest.mark.parametrize("value", ["", 7, None, [], {}, True])
async def test_dp6_a_claim_of_another_type_is_a_refusal(
    bench: Bench, claim: str, value: object
) -> None:
    """Also an empty one."""
    assert await bench.refusal_of(bench.crafted(bench.claims(**{claim: value})))


@pytest.mark.parametrize(
    ("age_s", "is_taken"),
    [(59, True), (60, False), (61, False), (-29, True), (-30, True), (-31, False)],
)
async def test_a_proof_is_for_now(bench: Bench, age_s: int, *, is_taken: bool) -> None:
    """A minute back and half a minute ahead, in threes."""
    proof = bench.crafted(bench.claims(iat=bench.clock.now_ms() // 1000 - age_s))

    if is_taken:
        assert await bench.checker.check(proof, TARGET, token=TOKEN)
    else:
        assert "iat" in await bench.refusal_of(proof)


@pytest.mark.parametrize("method", ["GET", "post", "POST ", ""])
async def test_c7_another_method_is_refused(bench: Bench, method: str) -> None:
    """Methods have a case."""
    assert await bench.refusal_of(bench.crafted(), Target(method, URL))


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (URL, True),
        ("HTTPS://Orders.Example/v1/orders", True),
        ("https://orders.example:443/v1/orders", True),
        ("https://orders.example:444/v1/orders", False),
        ("http://orders.example/v1/orders", False),
        ("https://orders.example/v1/orders/", False),
        ("https://orders.example/V1/orders", False),
        ("https://orders.example/v1/orders?a=b", False),
        ("https://orders.example/v1/orders?", False),
        ("https://orders.example/v1/orders#x", False),
        ("https://orders.example/v1//orders", False),
        ("https://orders.example/v1/./orders", False),
        ("https://orders.example/v1/%6Frders", False),
        ("https://user@orders.example/v1/orders", False),
        ("https://orders.example.evil.example/v1/orders", False),
        ("https://orders.example./v1/orders", False),
        ("https://orders.example", False),
        ("https://orders.example:99999/v1/orders", False),
        ("https://[::1/v1/orders", False),
        ("//orders.example/v1/orders", False),
        ("/v1/orders", False),
        ("https:/v1/orders", False),
        ("https://orders.example/v1/orders\n", False),
        ("\thttps://orders.example/v1/orders", False),
        ("https://orders.ex\u0430mple/v1/orders", False),
        ("", False),
    ],
)
def test_c7_htu_is_compared_by_the_rules_of_urls(claimed: str, *, expected: bool) -> None:
    """Host case and default port fold; paths do not; a query has no place in it."""
    assert same_target(claimed, URL) is expected


def test_an_empty_path_is_the_root() -> None:
    """RFC 9110 §4.2.3."""
    assert same_target("https://orders.example", "https://orders.example/")


async def test_c7_a_proof_for_another_token_is_refused(bench: Bench) -> None:
    """Also where none need be named."""
    proof = bench.crafted()

    assert "another token" in await bench.refusal_of(proof, token="other")
    with pytest.raises(ProofError):
        await bench.checker.check(proof, TARGET, token="other", demands_hash=False)


async def test_where_no_token_is_bound_ath_may_be_left_out(bench: Bench) -> None:
    """As in the request for a token (§5)."""
    proof = bench.crafted(bench.claims(ath=...))

    assert await bench.checker.check(proof, TARGET, token=TOKEN, demands_hash=False)


MALFORMED = ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "\u00e9.e30.e30", "x" * 5000]


@pytest.mark.parametrize("text", MALFORMED)
async def test_what_is_no_jws_is_a_refusal(bench: Bench, text: str) -> None:
    """Whatever it is."""
    assert await bench.refusal_of(text)


async def test_another_spelling_of_a_proof_is_refused(bench: Bench) -> None:
    """Padding, and bits that count for nothing, have no place (M3)."""
    proof = bench.crafted()
    last = proof[-1]
    twin = proof[:-1] + chr(ord(last) + 1) if last in "AQgw" else proof + "=="

    assert await bench.refusal_of(twin)
    assert await bench.refusal_of(proof + "==")
    assert await bench.refusal_of(f" {proof}")


@given(
    st.text(max_size=200)
    | st.binary(max_size=100).map(lambda data: f"e30.{base64url.encode(data)}.AA")
)
def test_any_text_is_refused_cleanly(text: str) -> None:
    """No text at all raises anything else."""
    with pytest.raises(ProofError):
        read_proof(text)


@given(
    st.dictionaries(
        st.sampled_from(["typ", "alg", "jwk", "kid"]), st.recursive(st.none() | st.text(), st.lists)
    )
)
def test_any_header_is_refused_cleanly(header: Mapping[str, Any]) -> None:
    """Also one with our own member names."""
    with pytest.raises(ProofError):
        read_proof(sign_raw(json.dumps(header).encode(), b"{}", EC_256, "ES256"))


def test_a_key_shows_nothing_of_its_private_half() -> None:
    """Neither to people nor to a proof's reader."""
    key = DpopKey.generate()

    assert repr(key) == f"DpopKey(thumbprint={key.thumbprint!r})"
    assert set(read_header(key.proof("GET", URL))["jwk"]) == {"kty", "crv", "x", "y"}


@pytest.mark.parametrize("private", [EC_384])
def test_a_key_is_on_p256(private: ec.EllipticCurvePrivateKey) -> None:
    """Others make proofs that nobody takes."""
    with pytest.raises(ValueError, match="P-256"):
        DpopKey(private)


def read_header(proof: str) -> Any:
    """Read the header of a proof."""
    return json.loads(base64url.decode(proof.split(".", maxsplit=1)[0]))
