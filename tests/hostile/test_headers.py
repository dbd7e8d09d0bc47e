"""Part B of the dangers, on headers: a full attest with real keys."""

import asyncio
import socket

import pytest

from broker.attestation.reasons import Reason
from tests.fakes.attestation import Bench, honest_claims
from tests.fakes.issuer import EC_256, EC_256_OTHER, Signer, encode, public_jwk, sign_raw

KIDS = [
    *["../../../../dev/null", "/etc/passwd", "..\\..\\x", "k1\0", "\0", "k1\n", " k1", "k1 ", "K1"],
    *["' OR '1'='1", "k1'; DROP TABLE keys;--", "$(id)", "`id`", "{{7*7}}", "%00", "k1%00"],
    *["http://127.0.0.1/k1", "file:///etc/passwd", "k" * 257, "k" * 12_000, "\ud800", "k\u0131"],
    *["", None, 0, 1, True, [], ["k1"], {"kid": "k1"}, 1.5],
]


@pytest.mark.parametrize("kid", KIDS, ids=repr)
async def test_b4_a_kid_is_a_name_in_a_dictionary(kid: object) -> None:
    """B4: never a path, a query or a URL; of another type it is no name (pyjwt#1177)."""
    bench = Bench()
    header = {"alg": "ES256", "kid": kid, "typ": "JWT"}
    text = encode(header)
    token = sign_raw(text, encode(honest_claims(bench.clock)), EC_256, "ES256")

    assert await bench.reason_of(token) in {
        Reason.KEY_ID,
        Reason.UNKNOWN_KEY,
        Reason.MALFORMED,
        Reason.TOO_LARGE,
    }


@pytest.mark.parametrize("header", ["jku", "x5u"])
async def test_b5_a_url_in_a_header_is_never_fetched(header: str) -> None:
    """B5: GHSA-993g; a listening canary hears nothing, under any scheme."""
    bench = Bench()
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)  # noqa: FBT003 - of the standard library
        port = canary.getsockname()[1]
        for scheme in ("http", "https", "ftp", "HTTP"):
            token = bench.signer.sign(
                honest_claims(bench.clock), **{header: f"{scheme}://127.0.0.1:{port}/jwks"}
            )
            assert await bench.reason_of(token) == Reason.FORBIDDEN_HEADER
        await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            canary.accept()


@pytest.mark.parametrize("by", ["trusted", "attacker"])
async def test_b5_a_key_in_a_header_is_no_key(by: str) -> None:
    """B5: jwk and x5c bring no key, whoever has signed."""
    key = EC_256 if by == "trusted" else EC_256_OTHER
    bench = Bench()
    jwk = public_jwk(key, "k1", "ES256")
    for header in ({"jwk": jwk}, {"x5c": ["MIIB"]}, {"jwk": {}}, {"x5c": []}, {"jwk": None}):
        token = Signer(key=key).sign(honest_claims(bench.clock), **header)
        # None is left out by the signer: such a token is honest when the trusted key signed it.
        if header == {"jwk": None} and by == "trusted":
            assert await bench.attestation.attest(token)
            continue
        assert await bench.reason_of(token) in {Reason.FORBIDDEN_HEADER, Reason.SIGNATURE}


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
        {"crit": "exp"},
        {"crit": ["x5u"]},
        {"crit": [""]},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
    ],
)
async def test_b18_what_asks_for_other_processing_is_refused(header: dict[str, object]) -> None:
    """B18: CVE-2026-32597, GHSA-w7vc (RFC 7515 §4.1.11, RFC 7797)."""
    bench = Bench()
    token = bench.signer.sign(honest_claims(bench.clock), **header)
    assert await bench.reason_of(token) == Reason.FORBIDDEN_HEADER


async def test_b18_other_serialisations_are_no_tokens() -> None:
    """B18: flattened and general JSON, a JWE, a token inside a token."""
    bench = Bench()
    token = bench.token()
    head, body, signature = token.split(".")
    flattened = encode({"protected": head, "payload": body, "signature": signature}).decode()
    general = encode(
        {"payload": body, "signatures": [{"protected": head, "signature": signature}]}
    ).decode()
    jwe = f"{head}.{body}.{signature}.{signature}.{signature}"
    nested = sign_raw(
        encode({"alg": "ES256", "kid": "k1", "cty": "JWT"}), token.encode(), EC_256, "ES256"
    )
    for other in (flattened, general, jwe, nested, f"Bearer {token}", f'"{token}"', f"{token}~"):
        assert await bench.reason_of(other) == Reason.MALFORMED


@pytest.mark.parametrize(
    "typ",
    [
        *["at+jwt", "application/at+jwt", "AT+JWT", "logout+jwt", "dpop+jwt", "secevent+jwt"],
        *["wit+jwt", "txntoken+jwt", "statuslist+jwt", "id-jag", "absent", "", "JWT ", "JWS"],
    ],
)
async def test_b14_a_token_of_another_class_is_no_evidence(typ: str) -> None:
    """B14: Keycloak GHSA-7fpj-9hr8-28vh; our own access tokens above all (RFC 8725 §3.11)."""
    bench = Bench()
    token = bench.signer.sign(honest_claims(bench.clock), typ=typ)
    assert await bench.reason_of(token) == Reason.TYPE


@pytest.mark.parametrize("typ", [0, True, [], ["JWT"], {"JWT": 1}, 1.5])
async def test_b14_a_type_is_a_word(typ: object) -> None:
    """B14: of another JSON type it is none."""
    bench = Bench()
    assert (
        await bench.reason_of(bench.signer.sign(honest_claims(bench.clock), typ=typ)) == Reason.TYPE
    )


async def test_b5_b18_a_header_is_judged_before_any_key_is_looked_for() -> None:
    """B5, B7: what is refused by its form costs no look at the issuer."""
    bench = Bench()
    for header in ({"jku": "https://x/"}, {"alg": "none"}, {"typ": "at+jwt"}, {"kid": None}):
        await bench.reason_of(bench.signer.sign(honest_claims(bench.clock), **header))
    assert bench.source.fetches == 0
