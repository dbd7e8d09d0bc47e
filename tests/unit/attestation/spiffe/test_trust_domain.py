"""JWT-SVIDs (SP-1, SP-5, SP-6, SP-7, SP-8, B11)."""

import pytest

from broker.attestation.attestation import Attestation
from broker.attestation.proof_cache import ProofCache
from broker.attestation.reasons import Reason
from broker.errors import KeySetUnavailableError
from broker.model.principal import Kind
from tests.fakes.attestation import AUDIENCE, ISSUER, Watcher, honest_claims, trust
from tests.fakes.issuer import ED_25519, ScriptedSource, Signer, encode, public_jwk, sign_raw
from tests.fakes.spiffe import SpiffeBench, trust_domain
from tests.fakes.trust_domain import FakeTrustDomain


@pytest.fixture
def bench() -> SpiffeBench:
    """Make a bench."""
    return SpiffeBench()


async def test_a_jwt_svid_is_its_bearer(bench: SpiffeBench) -> None:
    """Name, instance and tenant follow from the ID; the trust domain is the issuer."""
    attested = await bench.attestation.attest(bench.token())

    assert (attested.kind, attested.name, attested.instance) == (
        Kind.AGENT,
        "invoice-bot",
        "pod-1",
    )
    assert (attested.tenant, attested.issuer) == ("acme", "spiffe://prod.example")
    assert attested.subject == "spiffe://prod.example/agents/invoice-bot/pod-1"


@pytest.mark.parametrize("typ", ["JWT", "JOSE", "jose", "application/jwt", None])
async def test_the_types_of_the_specification_are_taken(bench: SpiffeBench, typ: object) -> None:
    """JWT, JOSE or none (§2.3)."""
    assert await bench.attestation.attest(bench.domain.jwt_svid(bench.claims(), typ=typ))


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "wit+jwt", "", 7, "absent"])
async def test_c4_another_type_is_refused(bench: SpiffeBench, typ: object) -> None:
    """No token of another class passes for a JWT-SVID, our own access tokens least of all."""
    token = bench.domain.jwt_svid(bench.claims(), typ=typ)

    assert await bench.reason_of(token) == Reason.TYPE


@pytest.mark.parametrize("member", ["cty", "x5t", "url", "nonce"])
async def test_a_header_with_anything_else_is_refused(bench: SpiffeBench, member: str) -> None:
    """Other members must not be there (§2)."""
    token = bench.domain.jwt_svid(bench.claims(), **{member: "x"})

    assert await bench.reason_of(token) == Reason.FORBIDDEN_HEADER


async def test_a_token_without_kid_is_refused(bench: SpiffeBench) -> None:
    """No key is tried that the token does not name."""
    assert await bench.reason_of(bench.domain.jwt_svid(bench.claims(), kid=None)) == Reason.KEY_ID


@pytest.mark.parametrize("alg", ["none", "HS256", "EdDSA", "RS256", "ES512", "", 7, None])
async def test_sp7_only_the_algorithm_of_the_key_is_taken(bench: SpiffeBench, alg: object) -> None:
    """EdDSA, HMAC and none are none of JWT-SVID's, and RS256 is not this key's."""
    token = bench.domain.jwt_svid(bench.claims(), alg=alg)

    assert await bench.reason_of(token) in {Reason.ALGORITHM, Reason.SIGNATURE}


async def test_sp7_an_eddsa_key_in_the_bundle_verifies_nothing(bench: SpiffeBench) -> None:
    """Even signed rightly by a key that the bundle lists."""
    bench.domain.members.append(public_jwk(ED_25519, "ed", "EdDSA", use="jwt-svid"))
    bench.source.document = bench.domain.bundle()
    header = encode({"alg": "EdDSA", "kid": "ed", "typ": "JWT"})

    token = sign_raw(header, encode(bench.claims()), ED_25519, "EdDSA")

    assert await bench.reason_of(token) == Reason.ALGORITHM


@pytest.mark.parametrize(
    "audience",
    [..., "", [], None, {}, "https://other.example", [AUDIENCE, "x"], AUDIENCE + "/", [[AUDIENCE]]],
)
async def test_sp8_the_audience_is_ours_alone(bench: SpiffeBench, audience: object) -> None:
    """A token that others may hold could be replayed by them (§7.2)."""
    assert await bench.reason_of(bench.token(aud=audience)) == Reason.AUDIENCE


async def test_sp8_one_audience_may_be_a_text(bench: SpiffeBench) -> None:
    """RFC 7519 §4.1.3 allows it for a single one."""
    assert await bench.attestation.attest(bench.token(aud=AUDIENCE))


@pytest.mark.parametrize("exp", [..., None, "1800000300", 1800000300.0, True, 10**15, 0, []])
async def test_sp8_an_exp_is_needed_and_is_a_date(bench: SpiffeBench, exp: object) -> None:
    """Whatever else stands there is a refusal, never an exception."""
    assert await bench.reason_of(bench.token(exp=exp)) in {Reason.DATES, Reason.NO_EXPIRY}


async def test_an_iat_is_not_needed(bench: SpiffeBench) -> None:
    """JWT-SVID demands sub, aud and exp; the life that is left is bounded all the same."""
    now = bench.clock.now_ms() // 1000

    assert await bench.attestation.attest(bench.token(iat=...))
    assert await bench.reason_of(bench.token(iat=..., exp=now + 3601)) == Reason.LIFETIME
    assert await bench.reason_of(bench.token(iat=..., exp=now)) == Reason.EXPIRED


@pytest.mark.parametrize(("left", "is_taken"), [(1, True), (0, False), (-1, False)])
async def test_expiry_is_exact(bench: SpiffeBench, left: int, *, is_taken: bool) -> None:
    """Just before, at, and just after."""
    token = bench.token()
    bench.clock.advance(300_000 - left)

    if is_taken:
        assert await bench.attestation.attest(token)
    else:
        assert await bench.reason_of(token) == Reason.EXPIRED


@pytest.mark.parametrize(
    "subject",
    [
        "spiffe://prod.example",
        "spiffe://prod.example/agents/x",
        "spiffe://prod.example/agents-evil/invoice-bot/pod-1",
    ],
)
async def test_an_id_that_no_rule_maps_is_nobody(bench: SpiffeBench, subject: str) -> None:
    """Nor is the trust domain itself anybody."""
    refused = {Reason.CLAIM_MISMATCH, Reason.CLAIM_MALFORMED}

    assert await bench.reason_of(bench.token(sub=subject)) in refused


@pytest.mark.parametrize(
    "subject",
    [
        ...,
        None,
        7,
        "",
        "invoice-bot",
        "SPIFFE://prod.example/x",
        "spiffe://Prod.example/agents/a/b",
    ],
)
async def test_a_sub_that_is_no_id_of_a_trust_domain_finds_no_verifier(
    bench: SpiffeBench, subject: object
) -> None:
    """The bundle is chosen by the trust domain, and by nothing that merely looks like it."""
    assert await bench.reason_of(bench.token(sub=subject)) == Reason.UNTRUSTED_ISSUER


async def test_sp1_no_bundle_vouches_for_an_id_of_another_trust_domain() -> None:
    """Two domains with the same kid: every pair of signer and sub but the diagonal is refused."""
    other = FakeTrustDomain("other.example")
    first = SpiffeBench()
    second = trust_domain(
        ScriptedSource(other.bundle()),
        first.clock,
        Watcher(),
        name="other",
        trust_domain="other.example",
    )
    attestation = Attestation([first.verifier, second], ProofCache(first.clock))
    first.attestation = attestation
    theirs = "spiffe://other.example/agents/invoice-bot/pod-1"

    assert (await attestation.attest(first.token())).issuer == "spiffe://prod.example"
    taken = await attestation.attest(other.jwt_svid(first.claims(sub=theirs)))
    assert taken.issuer == "spiffe://other.example"
    assert await first.reason_of(other.jwt_svid(first.claims())) == Reason.SIGNATURE
    assert await first.reason_of(first.token(sub=theirs)) == Reason.SIGNATURE


async def test_b11_an_iss_does_not_lead_to_another_ones_keys() -> None:
    """An ``iss`` that names the domain does not make an ID of another one its own."""
    bench = SpiffeBench()
    theirs = "spiffe://other.example/agents/invoice-bot/pod-1"

    crossed = bench.token(iss="spiffe://prod.example", sub=theirs)

    assert await bench.reason_of(crossed) == Reason.UNTRUSTED_ISSUER
    assert await bench.attestation.attest(bench.token(iss="https://oidc.prod.example"))


async def test_b11_an_oidc_issuer_speaks_for_no_trust_domain() -> None:
    """Its token may call itself by a SPIFFE ID; it is verified as the issuer's, and stays its."""
    bench, signer = SpiffeBench(), Signer()
    issuer = trust(ScriptedSource(signer.jwks()), bench.clock)
    both = Attestation([bench.verifier, issuer], ProofCache(bench.clock))
    subject = "spiffe://prod.example/agents/invoice-bot/pod-1"

    claims = honest_claims(bench.clock, sub=subject)
    bench.attestation = both

    assert (await both.attest(signer.sign(claims))).issuer == ISSUER
    without_iss = {name: value for name, value in claims.items() if name != "iss"}
    assert await bench.reason_of(signer.sign(without_iss)) == Reason.UNKNOWN_KEY


async def test_sp5_an_emptied_bundle_refuses_what_it_took_before(bench: SpiffeBench) -> None:
    """At the next look, also what had been verified and is remembered."""
    token = bench.token()
    assert await bench.attestation.attest(token)

    bench.source.document = b'{"keys": [], "spiffe_sequence": 2}'
    bench.clock.advance(10_000)
    await bench.verifier.keys.refresh()

    assert await bench.reason_of(token) == Reason.UNKNOWN_KEY


async def test_sp6_an_older_bundle_is_noted_and_changes_nothing(bench: SpiffeBench) -> None:
    """The last good one goes on, until it is too stale; then nothing is taken."""
    bench.domain.sequence = 5
    bench.source.document = bench.domain.bundle()
    token = bench.token(exp=bench.clock.now_ms() // 1000 + 3_600)
    assert await bench.attestation.attest(token)

    bench.source.document = encode({"keys": [], "spiffe_sequence": 4})
    bench.clock.advance(10_000)
    await bench.verifier.keys.refresh()

    assert await bench.attestation.attest(token)
    assert bench.watcher.failures == ["spiffe_sequence went back from 5 to 4"]
    bench.clock.advance(3_590_001)
    with pytest.raises(KeySetUnavailableError):
        await bench.attestation.attest(bench.token())


@pytest.mark.parametrize(
    ("hint", "due_ms"), [(None, 225_000), (60, 45_000), (1, 15_000), (86_400, 225_000)]
)
async def test_the_refresh_hint_hurries_within_bounds(
    bench: SpiffeBench, hint: int | None, due_ms: int
) -> None:
    """Never more often than every other cool-down, never less than is declared."""
    bench.domain.hint = hint
    bench.source.document = bench.domain.bundle()
    await bench.verifier.keys.refresh()

    bench.clock.advance(due_ms - 1)
    bench.verifier.keys.refresh_if_due()
    before = bench.source.fetches
    bench.clock.advance(1)
    await bench.attestation.attest(bench.token())
    await bench.verifier.keys.refresh()

    assert (before, bench.source.fetches) == (1, 2)
