import pytest

from broker import base64url
from broker.attestation.compact import parse_compact
from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from tests.fakes.attestation import (
    AUDIENCE,
    ISSUER,
    Bench,
    honest_claims,
)
from tests.fakes.issuer import (
    EC_256_OTHER,
    RSA_2048,
    Signer,
    encode,
    public_jwk,
    sign_raw,
)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def bench() -> Bench:
    """Make a bench."""
    return Bench()


REFUSED: dict[str, tuple[dict[str, object], Reason]] = {
    "B11 other issuer": ({"iss": "https://evil.example"}, Reason.UNTRUSTED_ISSUER),
    "B11 longer issuer": ({"iss": ISSUER + "/"}, Reason.UNTRUSTED_ISSUER),
    "B11 shorter issuer": ({"iss": ISSUER[:-1]}, Reason.UNTRUSTED_ISSUER),
    "B11 issuer in another case": ({"iss": ISSUER.upper()}, Reason.UNTRUSTED_ISSUER),
    "B11 issuer list": ({"iss": [ISSUER]}, Reason.UNTRUSTED_ISSUER),
    "B11 no issuer": ({"iss": ...}, Reason.UNTRUSTED_ISSUER),
    "B11 null issuer": ({"iss": None}, Reason.UNTRUSTED_ISSUER),
    "B13 no audience": ({"aud": ...}, Reason.AUDIENCE),
    "B13 several audiences": ({"aud": [AUDIENCE, "https://other.example"]}, Reason.AUDIENCE),
    "B15 no expiry": ({"exp": ...}, Reason.NO_EXPIRY),
    "B15 boolean expiry": ({"exp": True}, Reason.DATES),
    "B15 no issue date": ({"iat": ...}, Reason.DATES),
    "B15 expired": ({"exp": 1_800_000_000, "iat": 1_799_999_000}, Reason.EXPIRED),
    "B15 endless": ({"exp": 1_900_000_000}, Reason.LIFETIME),
    "B16 from the future": ({"iat": 1_800_000_031}, Reason.NOT_YET_VALID),
    "B16 not yet": ({"nbf": 1_800_000_031}, Reason.NOT_YET_VALID),
    "B21 bound to a key": ({"cnf": {"jkt": "x"}}, Reason.BOUND),
    "B21 bound to nothing": ({"cnf": None}, Reason.BOUND),
    "no subject": ({"sub": ...}, Reason.CLAIM_MISSING),
    "null subject": ({"sub": None}, Reason.CLAIM_MISSING),
    "numeric subject": ({"sub": 1}, Reason.CLAIM_MISSING),
    "F17 control in subject": ({"sub": "a\x00b"}, Reason.CLAIM_MALFORMED),
    "F17 direction in subject": ({"sub": "a\u202eb"}, Reason.CLAIM_MALFORMED),
    "subject that is no name": ({"sub": "a b"}, Reason.CLAIM_MALFORMED),
    "no instance": ({"instance": ...}, Reason.NO_INSTANCE),
    "instance list": ({"instance": ["pod-1"]}, Reason.CLAIM_MALFORMED),
    "unmapped kind": ({"kind": "operator"}, Reason.CLAIM_MISMATCH),
    "kind list": ({"kind": ["agent"]}, Reason.CLAIM_MALFORMED),
    "I16 tenant of all": ({"tenant": "*"}, Reason.CLAIM_MALFORMED),
}


@pytest.mark.parametrize(("claims", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_hostile_claims_are_refused_with_their_reason(
    bench: Bench, claims: dict[str, object], reason: Reason
) -> None:
    """Each is signed by the right key, and still no evidence."""
    assert await bench.reason_of(bench.token(**claims)) == reason


async def test_b11_the_issuer_is_checked_again_behind_the_signature(bench: Bench) -> None:
    """A verifier that was chosen wrongly accepts nothing of another issuer, even well signed."""
    with pytest.raises(AttestationError) as caught:
        await bench.issuer.verify(parse_compact(bench.token(iss="https://other.example")))
    assert caught.value.reason == Reason.UNTRUSTED_ISSUER


async def test_b21_a_bound_token_passes_only_where_the_binding_is_declared_ignored() -> None:
    """An operator may decide so; it is never the default."""
    bench = Bench(
        claims={
            "required": ["sub", "kind", "instance"],
            "optional": ["tenant"],
            "ignored": ["cnf", "jti"],
        }
    )
    attested = await bench.attestation.attest(bench.token(cnf={"jkt": "x"}))
    assert "cnf" not in attested.claims
    assert attested.bound_to is None


@pytest.mark.parametrize("member", ["jkt", "x5t#S256"])
async def test_b21_the_key_of_a_bound_token_is_named(member: str) -> None:
    """Its possession is for whoever sees the request to check."""
    bench = Bench()

    attested = await bench.attestation.attest(bench.token(cnf={member: THUMBPRINT}))

    assert attested.bound_to is not None
    assert attested.bound_to.to_claim() == {member: THUMBPRINT}


THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

HEADERS: dict[str, tuple[dict[str, object], Reason]] = {
    "B3 none": ({"alg": "none"}, Reason.ALGORITHM),
    "B2 other algorithm": ({"alg": "ES384"}, Reason.ALGORITHM),
    "B1 HMAC": ({"alg": "HS256"}, Reason.ALGORITHM),
    "B4 no kid": ({"kid": None}, Reason.KEY_ID),
    "B4 path": ({"kid": "../../../../etc/passwd"}, Reason.UNKNOWN_KEY),
    "B5 jku": ({"jku": "https://evil.example/jwks"}, Reason.FORBIDDEN_HEADER),
    "B14 our own type": ({"typ": "at+jwt"}, Reason.TYPE),
    "B14 logout": ({"typ": "logout+jwt"}, Reason.TYPE),
    "B18 crit": ({"crit": ["exp"]}, Reason.FORBIDDEN_HEADER),
}


@pytest.mark.parametrize(("header", "reason"), HEADERS.values(), ids=HEADERS.keys())
async def test_hostile_headers_are_refused_with_their_reason(
    bench: Bench, header: dict[str, object], reason: Reason
) -> None:
    """Each is signed by the right key over exactly this header."""
    token = bench.signer.sign(honest_claims(bench.clock), **header)
    assert await bench.reason_of(token) == reason


async def test_b14_our_own_type_passes_only_where_it_is_declared() -> None:
    """An issuer whose evidence is RFC 9068 tokens has to say so."""
    bench = Bench(typ=["at+jwt"])
    token = bench.signer.sign(honest_claims(bench.clock), typ="at+jwt")
    assert await bench.attestation.attest(token)
    assert await bench.reason_of(bench.token()) == Reason.TYPE


async def test_b1_a_public_key_is_no_hmac_secret() -> None:
    """Even an attacker who knows every public form of the key signs nothing with it."""
    bench = Bench(algorithms=["RS256"])
    bench.source.document = encode({"keys": [public_jwk(RSA_2048, "k1", "RS256")]})
    token = bench.signer.sign(honest_claims(bench.clock), alg="HS256")
    assert await bench.reason_of(token) == Reason.ALGORITHM


@pytest.mark.parametrize(("key_alg", "header_alg"), [("PS256", "RS256"), ("RS256", "PS256")])
async def test_b2_the_header_must_name_the_keys_own_algorithm(
    key_alg: str, header_alg: str
) -> None:
    """Both are declared; the key is for the other one."""
    bench = Bench(algorithms=["RS256", "PS256"])
    bench.source.document = encode({"keys": [public_jwk(RSA_2048, "k1", key_alg)]})
    header = encode({"alg": header_alg, "kid": "k1", "typ": "JWT"})
    token = sign_raw(header, encode(honest_claims(bench.clock)), RSA_2048, header_alg)
    assert await bench.reason_of(token) == Reason.ALGORITHM


async def test_a_signature_by_another_key_is_refused(bench: Bench) -> None:
    """The name of a key is not the key."""
    other = Signer(key=EC_256_OTHER)
    assert await bench.reason_of(other.sign(honest_claims(bench.clock))) == Reason.SIGNATURE


async def test_every_changed_character_is_refused(bench: Bench) -> None:
    """No character of a token can be replaced, wherever it stands."""
    token = bench.token()
    for position in range(0, len(token), 7):
        other = "A" if token[position] != "A" else "B"
        if token[position] == ".":
            continue
        changed = token[:position] + other + token[position + 1 :]
        assert await bench.reason_of(changed) in {
            Reason.MALFORMED,
            Reason.SIGNATURE,
            Reason.UNTRUSTED_ISSUER,
            Reason.ALGORITHM,
            Reason.TYPE,
            Reason.KEY_ID,
            Reason.UNKNOWN_KEY,
        }


@pytest.mark.parametrize(
    "signature",
    [b"\0" * 64, b"\0" * 63 + b"\1", b"\xff" * 64, b"x" * 63, b"x" * 65, b"x" * 96, b"0"],
)
async def test_b22_degenerate_signatures_are_refused(bench: Bench, signature: bytes) -> None:
    """Zeros (CVE-2022-21449), numbers beyond the order and wrong lengths verify nothing."""
    forged = bench.token().rpartition(".")[0] + "." + base64url.encode(signature)
    assert await bench.reason_of(forged) == Reason.SIGNATURE


async def test_b20_other_spellings_of_a_signature_are_refused(bench: Bench) -> None:
    """Padding and stray bits make no second token of a signed one (M3)."""
    token = bench.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    for spelling in (token + "==", token + "=", stray, token + "\n", " " + token):
        assert await bench.reason_of(spelling) == Reason.MALFORMED


async def test_b20_the_mirrored_signature_is_the_same_evidence(bench: Bench) -> None:
    """(r, n-s) verifies, as honest signatures may: a replay key is never the bytes of a token."""
    signing_input, _, signature = bench.token().rpartition(".")
    raw = base64url.decode(signature)
    mirrored = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    twin = f"{signing_input}.{base64url.encode(mirrored)}"
    first = await bench.attestation.attest(f"{signing_input}.{signature}")
    assert await bench.attestation.attest(twin) == first


async def test_m1_json_that_libraries_take_is_refused(bench: Bench) -> None:
    """Duplicate claims, UTF-16, a byte order mark and lone surrogates, all rightly signed."""
    header = encode({"alg": "ES256", "kid": "k1", "typ": "JWT"})
    honest = encode(honest_claims(bench.clock))
    payloads = [
        honest[:-1] + b',"sub":"admin"}',
        b'{"sub":"admin",' + honest[1:],
        b"\xef\xbb\xbf" + honest,
        honest.decode().encode("utf-16"),
        honest[:-1] + b',"x":"\\ud800"}',
        honest[:-1] + b',"x":NaN}',
        honest[:-1] + b',"x":1e999}',
    ]
    for payload in payloads:
        token = sign_raw(header, payload, bench.signer.key, "ES256")
        assert await bench.reason_of(token) == Reason.MALFORMED
    twice = b'{"alg":"none",' + header[1:]
    assert (
        await bench.reason_of(sign_raw(twice, honest, bench.signer.key, "ES256"))
        == Reason.MALFORMED
    )


async def test_undeclared_claims_are_reported_once_and_dropped(bench: Bench) -> None:
    """An operator learns of them; nothing is decided on them."""
    for number in range(3):
        attested = await bench.attestation.attest(bench.token(surprise=1, jti=f"j-{number}"))
        assert "surprise" not in attested.claims
    assert bench.watcher.unknown == [("example", "surprise")]


async def test_f17_an_undeclared_claim_cannot_poison_reports(bench: Bench) -> None:
    """A name that cannot be shown is reported without it, and reports are bounded."""
    hostile = {f"a\n{number}": 1 for number in range(300)}
    await bench.attestation.attest(bench.token(**hostile))
    assert set(bench.watcher.unknown) == {("example", "(unprintable)")}
    assert len(bench.watcher.unknown) == 256


async def test_a_refused_token_reports_no_claims(bench: Bench) -> None:
    """Only what a trusted key signed is worth a report."""
    forger = Signer(key=EC_256_OTHER)
    await bench.reason_of(forger.sign(honest_claims(bench.clock, surprise=1)))
    assert bench.watcher.unknown == []
