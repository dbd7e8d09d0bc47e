import asyncio

import pytest

from broker.attestation import base64url
from broker.attestation.reasons import Reason
from broker.errors import AttestationError, KeySetUnavailableError
from broker.model.principal import Kind
from tests.fakes.attestation import (
    AUDIENCE,
    ISSUER,
    Watcher,
    attest_with,
    honest_claims,
    trust,
)
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import (
    EC_256_OTHER,
    RSA_2048,
    ScriptedSource,
    Signer,
    encode,
    public_jwk,
    sign_raw,
)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Bench:
    """One issuer, its attestation and a clock."""

    def __init__(self, **changes: object) -> None:
        self.clock = FakeClock()
        self.signer = Signer()
        self.source = ScriptedSource(self.signer.jwks())
        self.watcher = Watcher()
        self.issuer = trust(self.source, self.clock, watcher=self.watcher, **changes)
        self.attestation = attest_with(self.issuer, clock=self.clock)

    def token(self, **claims: object) -> str:
        """Sign honest claims with some changed."""
        return self.signer.sign(honest_claims(self.clock, **claims))

    async def reason_of(self, token: str) -> str:
        """Return the word with which a token is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.attestation.attest(token)
        return caught.value.reason


@pytest.fixture
def bench() -> Bench:
    """Make a bench."""
    return Bench()


async def test_an_honest_token_shows_who_its_bearer_is(bench: Bench) -> None:
    """Every part of the answer comes from a declared claim."""
    attested = await bench.attestation.attest(bench.token(run=7, admin=True))

    assert attested.kind is Kind.AGENT
    assert (attested.name, attested.tenant, attested.instance) == ("invoice-bot", "acme", "pod-1")
    assert (attested.issuer, attested.subject) == (ISSUER, "invoice-bot")
    assert attested.expires_at_ms == bench.clock.now_ms() + 300_000
    assert attested.claims == {
        "sub": "invoice-bot",
        "kind": "agent",
        "instance": "pod-1",
        "tenant": "acme",
        "run": 7,
        "admin": True,
    }


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
    "B15 no expiry": ({"exp": ...}, Reason.DATES),
    "B15 boolean expiry": ({"exp": True}, Reason.DATES),
    "B15 no issue date": ({"iat": ...}, Reason.DATES),
    "B15 expired": ({"exp": 1_800_000_000, "iat": 1_799_999_000}, Reason.EXPIRED),
    "B15 endless": ({"exp": 1_900_000_000}, Reason.LIFETIME),
    "B16 from the future": ({"iat": 1_800_000_031}, Reason.NOT_YET_VALID),
    "B16 not yet": ({"nbf": 1_800_000_031}, Reason.NOT_YET_VALID),
    "no subject": ({"sub": ...}, Reason.CLAIM_MISSING),
    "null subject": ({"sub": None}, Reason.CLAIM_MISSING),
    "numeric subject": ({"sub": 1}, Reason.CLAIM_MISSING),
    "F17 control in subject": ({"sub": "a\x00b"}, Reason.CLAIM_MALFORMED),
    "F17 direction in subject": ({"sub": "a\u202eb"}, Reason.CLAIM_MALFORMED),
    "subject that is no name": ({"sub": "a b"}, Reason.CLAIM_MALFORMED),
    "no instance": ({"instance": ...}, Reason.CLAIM_MISSING),
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


async def test_b11_keys_and_issuers_are_never_mixed() -> None:
    """Of all pairs (claimed issuer, signing key) only matching ones pass, with one kid in both."""
    clock = FakeClock()
    signers = {"https://a.example": Signer(), "https://b.example": Signer(key=EC_256_OTHER)}
    attestation = attest_with(
        *(
            trust(ScriptedSource(signer.jwks()), clock, issuer=issuer, name=issuer[8:9])
            for issuer, signer in signers.items()
        ),
        clock=clock,
    )
    for claimed in signers:
        for owner, signer in signers.items():
            token = signer.sign(honest_claims(clock, iss=claimed))
            if claimed == owner:
                assert (await attestation.attest(token)).issuer == claimed
            else:
                with pytest.raises(AttestationError) as caught:
                    await attestation.attest(token)
                assert caught.value.reason == Reason.SIGNATURE


async def test_b4_b7_hostile_kids_cause_at_most_one_look(bench: Bench) -> None:
    """Two hundred names, one fetch, no other effect."""
    await bench.attestation.attest(bench.token())
    bench.clock.advance(10_000)
    kids = [f"../{number}" for number in range(100)] + [
        f"https://evil.example/{n}" for n in range(100)
    ]
    for kid in kids:
        token = bench.signer.sign(honest_claims(bench.clock), kid=kid)
        assert await bench.reason_of(token) == Reason.UNKNOWN_KEY
    assert bench.source.fetches == 2


async def test_b7_an_untrusted_issuer_causes_no_look(bench: Bench) -> None:
    """Nothing is fetched for a token that no declared issuer is asked about."""
    await bench.reason_of(bench.token(iss="https://evil.example"))
    assert bench.source.fetches == 0


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "\x00", "\ud800", "A" * 20_000, "e30.e30.e30"])
async def test_b28_any_text_is_answered_with_the_one_error(bench: Bench, token: str) -> None:
    """Nothing a caller sends raises anything else."""
    assert await bench.reason_of(token) in set(Reason)


async def test_i5_without_keys_nothing_is_accepted(bench: Bench) -> None:
    """An issuer that cannot be reached is named for readiness, and its tokens are refused."""
    bench.source.is_down = True
    await bench.attestation.start()
    assert bench.attestation.without_keys() == ("example",)
    with pytest.raises(KeySetUnavailableError):
        await bench.attestation.attest(bench.token())


async def test_one_dead_issuer_does_not_hold_up_another() -> None:
    """Tokens of the living one pass while the other hangs (I11)."""
    clock = FakeClock()
    signer = Signer()
    dead = ScriptedSource(b"")
    dead.gate.clear()
    attestation = attest_with(
        trust(dead, clock, issuer="https://dead.example", name="dead"),
        trust(ScriptedSource(signer.jwks()), clock),
        clock=clock,
    )
    hanging = asyncio.create_task(
        attestation.attest(signer.sign(honest_claims(clock, iss="https://dead.example")))
    )
    await asyncio.sleep(0)

    assert await attestation.attest(signer.sign(honest_claims(clock)))

    assert not hanging.done()
    hanging.cancel()
    await attestation.close()


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


async def test_a_remembered_token_needs_no_signature_check(bench: Bench) -> None:
    """The second time the very same answer comes back."""
    token = bench.token()
    assert await bench.attestation.attest(token) is await bench.attestation.attest(token)


@pytest.mark.parametrize(("age_ms", "is_taken"), [(9_999, True), (10_000, False)])
async def test_b15_a_remembered_token_expires_on_time(age_ms: int, *, is_taken: bool) -> None:
    """Dates are judged at each use, to the millisecond, remembered or not."""
    bench = Bench()
    token = bench.token(exp=bench.clock.now_ms() // 1000 + 10)
    await bench.attestation.attest(token)
    bench.clock.advance(age_ms)
    if is_taken:
        assert await bench.attestation.attest(token)
    else:
        assert await bench.reason_of(token) == Reason.EXPIRED


async def test_b16_a_remembered_token_obeys_a_clock_set_back(bench: Bench) -> None:
    """Its beginning is judged again as well."""
    token = bench.token()
    await bench.attestation.attest(token)
    bench.clock.set_wall(bench.clock.now_ms() - 30_001)
    assert await bench.reason_of(token) == Reason.NOT_YET_VALID


async def test_b9_a_change_of_keys_forgets_every_proof(bench: Bench) -> None:
    """A token of a removed key is refused at once, although it was remembered."""
    token = bench.token()
    await bench.attestation.attest(token)
    bench.signer.rotate("k2")
    bench.source.document = bench.signer.jwks()
    bench.clock.advance(10_000)
    again = bench.token(jti="fresh")
    await bench.attestation.attest(again)

    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY
    assert await bench.attestation.attest(again)


async def test_b8_a_remembered_token_does_not_outlive_its_key_set(bench: Bench) -> None:
    """With a set too stale to be trusted no proof stands."""
    bench.source.is_down = False
    await bench.attestation.start()
    bench.source.is_down = True
    bench.clock.advance(3_599_999)
    token = bench.token()
    assert await bench.attestation.attest(token)
    bench.clock.advance(2)
    assert await bench.reason_of(token) == Reason.KEYS_STALE


async def test_the_ticker_keeps_keys_fresh_without_any_caller(bench: Bench) -> None:
    """A removed key is gone before the first caller comes back."""
    await bench.attestation.start()
    token = bench.token()
    bench.source.document = b'{"keys":[]}'
    bench.clock.advance(225_000)
    bench.attestation.tick()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY
