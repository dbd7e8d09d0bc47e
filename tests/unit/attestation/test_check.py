"""What `issuer check` tells: how far a token came, and what was wanted."""

import pytest

from broker.attestation.check import STEPS, Notebook, Outcome, Verdict, expectations, try_token
from broker.attestation.reasons import Reason
from tests.fakes.attestation import AUDIENCE, ISSUER, Bench, declare, honest_claims
from tests.fakes.issuer import EC_256_OTHER, Signer
from tests.fakes.spiffe import SpiffeBench, declare_domain


async def verdict_on(bench: Bench, token: str) -> Verdict:
    """Try a token on the bench's declaration."""
    return await try_token(bench.attestation, expectations(declare()), token)


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    """Return how each check ended."""
    return {check.name: check.outcome for check in verdict.checks}


def test_every_word_of_refusal_belongs_to_one_step() -> None:
    """A new reason without a step would pass as if nothing had failed.

    What is wrong with a certificate, or with the request that shows a token, is said of no token.
    """
    named = [reason for _, _, reasons in STEPS for reason in reasons]
    assert sorted(named) == sorted(set(Reason) - {Reason.CERTIFICATE, Reason.UNHELD})


async def test_an_honest_token_passes_every_check() -> None:
    """And the bearer is told."""
    bench = Bench()
    verdict = await verdict_on(bench, bench.token())

    assert set(outcomes(verdict).values()) == {Outcome.PASSED}
    assert verdict.failure is None
    assert verdict.attested is not None
    assert verdict.attested.instance == "pod-1"


@pytest.mark.parametrize(
    ("claims", "step", "claim", "expected", "seen"),
    [
        ({"iss": "https://x"}, "issuer", "iss", ISSUER, "https://x"),
        ({"aud": ["a", AUDIENCE]}, "audience", "aud", AUDIENCE, ["a", AUDIENCE]),
        ({"cnf": {"jkt": "x"}}, "binding", "cnf", None, {"jkt": "x"}),
        ({"exp": "1"}, "dates", "exp", "at most", "1"),
        ({"exp": ...}, "dates", "exp", "at most", None),
        ({"exp": 1_900_000_000}, "lifetime", "exp", "at most 86400 s", 1_900_000_000),
        ({"iat": 1_700_000_000, "exp": 1_700_000_600}, "now", "exp", "not yet over", 1_700_000_600),
        ({"instance": ...}, "claims", "instance", "to be there", None),
        ({"kind": "king"}, "claims", "kind", None, "king"),
        ({"sub": "a b"}, "claims", "sub", "registered name", "a b"),
    ],
)
async def test_the_check_that_fails_names_the_claim_and_what_was_wanted(
    claims: dict[str, object], step: str, claim: str, expected: str | None, seen: object
) -> None:
    """What comes before has passed, what comes after was not reached."""
    bench = Bench()
    verdict = await verdict_on(bench, bench.token(**claims))

    names = [name for name, _, _ in STEPS]
    failed = names.index(step)
    assert [check.outcome for check in verdict.checks] == [
        *[Outcome.PASSED] * failed,
        Outcome.FAILED,
        *[Outcome.NOT_REACHED] * (len(names) - failed - 1),
    ]
    assert verdict.failure is not None
    assert (verdict.failure.claim, verdict.failure.seen) == (claim, seen)
    assert (expected or "") in str(verdict.failure.expected)


@pytest.mark.parametrize(
    ("header", "step"),
    [
        ({"alg": "RS256"}, "algorithm"),
        ({"typ": "at+jwt"}, "type"),
        ({"kid": None}, "key-id"),
        ({"kid": "other"}, "key"),
        ({"jku": "https://evil.example/jwks"}, "no-keys-inside"),
    ],
)
async def test_the_header_is_told_as_well(header: dict[str, object], step: str) -> None:
    """Which of its members, and what the declaration takes."""
    bench = Bench()
    token = bench.signer.sign(honest_claims(bench.clock), **header)

    assert outcomes(await verdict_on(bench, token))[step] is Outcome.FAILED


async def test_a_forged_signature_is_told_without_its_claims_being_judged() -> None:
    """Nothing behind the signature is looked at."""
    bench = Bench()
    forged = Signer(key=EC_256_OTHER).sign(honest_claims(bench.clock, aud="x"))

    told = outcomes(await verdict_on(bench, forged))

    assert told["signature"] is Outcome.FAILED
    assert told["audience"] is Outcome.NOT_REACHED


async def test_absent_keys_are_told_apart_from_a_bad_token() -> None:
    """The token may be good; nobody can say."""
    bench = Bench()
    bench.source.is_down = True

    verdict = await verdict_on(bench, bench.token())

    assert outcomes(verdict)["keys"] is Outcome.FAILED
    assert verdict.failure is not None
    assert verdict.failure.reason == Reason.KEYS_MISSING


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "x" * 20_000, "\udcff.a.b"])
async def test_what_is_no_token_fails_the_first_check(token: str) -> None:
    """Without a word of what was there."""
    verdict = await verdict_on(Bench(), token)

    assert outcomes(verdict)["form"] is Outcome.FAILED
    assert verdict.failure is not None
    assert verdict.failure.seen is None


def test_the_notebook_keeps_the_last_word() -> None:
    """Keys that came after trouble are no trouble."""
    notebook = Notebook()
    notebook.keys_unreachable("x", "down")
    assert notebook.trouble == "down"
    notebook.keys_changed("x", ["k1"], ())
    assert (notebook.trouble, notebook.key_ids) == ("", ("k1",))


async def test_a_trust_domain_is_tried_in_the_same_way() -> None:
    """Its tokens need no issuer: what was expected is said of the subject."""
    bench = SpiffeBench()
    expected = expectations(declare_domain())

    good = await try_token(bench.attestation, expected, bench.token())
    foreign = await try_token(
        bench.attestation, expected, bench.token(sub="spiffe://other.example/agents/a/b")
    )

    assert good.attested is not None
    assert good.attested.name == "invoice-bot"
    assert outcomes(foreign)["issuer"] is Outcome.FAILED
    assert foreign.failure is not None
    assert "spiffe://prod.example/" in str(foreign.failure.expected)
