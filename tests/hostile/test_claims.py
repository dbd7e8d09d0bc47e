"""Part B of the dangers, on claims: audience, dates in threes, types, bindings."""

import pytest

from broker.attestation.reasons import Reason
from tests.fakes.attestation import AUDIENCE, Bench

NOW = 1_800_000_000
"""The second at which a bench's clock stands."""


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE]])
async def test_b13_the_sole_audience_passes_in_both_forms(audience: object) -> None:
    """RFC 7519 §4.1.3: a string, or a list of one."""
    bench = Bench()
    assert await bench.attestation.attest(bench.token(aud=audience))


@pytest.mark.parametrize(
    "audience",
    [
        *[..., None, "", [], {}, 0, True, [None], [[AUDIENCE]], {"0": AUDIENCE}, [True]],
        *["x", ["x"], [AUDIENCE, "x"], ["x", AUDIENCE], [AUDIENCE, AUDIENCE]],
        *[AUDIENCE.upper(), f"{AUDIENCE}/", f" {AUDIENCE}", f"{AUDIENCE}.evil.example"],
        *[f"{AUDIENCE}:443", AUDIENCE.removeprefix("https://"), AUDIENCE[:-1], f"{AUDIENCE}\0"],
    ],
    ids=repr,
)
async def test_b13_every_other_audience_is_refused(audience: object) -> None:
    """B13: CVE-2024-5798; whoever else the token is for could replay it (JWT-SVID §7.2)."""
    bench = Bench()
    assert await bench.reason_of(bench.token(aud=audience)) == Reason.AUDIENCE


NO_DATES = [
    *[None, True, False, "1", str(NOW + 60), "", " ", [], [NOW + 60], {}, {"exp": 1}],
    *[float(NOW + 60), NOW + 60.5, 1e10, -1, 0, -NOW, 253_402_300_800, 2**63 - 1, 2**53],
    *["\u0661\u0668", "9_999_999_999", "2030-01-01T00:00:00Z", "Infinity", "1e10", "0x7fffffff"],
]


@pytest.mark.parametrize("value", NO_DATES, ids=repr)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
async def test_b15_only_a_whole_number_in_bounds_is_a_date(name: str, value: object) -> None:
    """B15, M1: pyjwt#1171, python-jose#420, superset#41394 (strings, floats, booleans, 10^50)."""
    bench = Bench()
    assert await bench.reason_of(bench.token(**{name: value})) == Reason.DATES


async def test_b15_a_token_without_end_or_beginning_is_refused() -> None:
    """B15: SPIRE took tokens without exp; PyJWT does unless told otherwise (M1)."""
    bench = Bench()
    assert await bench.reason_of(bench.token(exp=...)) == Reason.NO_EXPIRY
    assert await bench.reason_of(bench.token(iat=...)) == Reason.DATES
    assert await bench.attestation.attest(bench.token(nbf=...))


@pytest.mark.parametrize(
    ("wait_ms", "reason"), [(59_999, None), (60_000, Reason.EXPIRED), (60_001, Reason.EXPIRED)]
)
async def test_b15_b16_expiry_in_threes(wait_ms: int, reason: Reason | None) -> None:
    """B15, B16: RFC 7519 §4.1.4 "on or after"; to the millisecond, and no leeway prolongs it."""
    bench = Bench()
    token = bench.token(exp=NOW + 60)
    bench.clock.advance(wait_ms)
    await judge(bench, token, reason)


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(
    ("wait_ms", "reason"),
    [(69_999, Reason.NOT_YET_VALID), (70_000, None), (70_001, None)],
)
async def test_b16_the_beginning_in_threes(name: str, wait_ms: int, reason: Reason | None) -> None:
    """B16: a leeway of thirty seconds for clocks that disagree, and not a millisecond more."""
    bench = Bench()
    token = bench.token(**{name: NOW + 100, "exp": NOW + 900})
    bench.clock.advance(wait_ms)
    await judge(bench, token, reason)


@pytest.mark.parametrize(
    ("life", "reason"), [(86_399, None), (86_400, None), (86_401, Reason.LIFETIME)]
)
async def test_b15_the_life_of_a_token_in_threes(life: int, reason: Reason | None) -> None:
    """B15: what was made to live longer than declared is a standing secret."""
    bench = Bench()
    await judge(bench, bench.token(iat=NOW, exp=NOW + life), reason)


@pytest.mark.parametrize(
    ("end", "reason"), [(NOW - 1, Reason.DATES), (NOW, Reason.DATES), (NOW + 1, None)]
)
async def test_b15_an_end_is_after_the_beginning_in_threes(end: int, reason: Reason | None) -> None:
    """A7, B15: a life of nothing or less is refused, never read as without end."""
    bench = Bench()
    await judge(bench, bench.token(iat=NOW, exp=end), reason)


async def test_b15_expiry_is_judged_at_each_use_of_a_remembered_token() -> None:
    """A9: a proof that is remembered for ten seconds does not outlive its token by one."""
    bench = Bench()
    token = bench.token(exp=NOW + 5)
    assert await bench.attestation.attest(token)
    bench.clock.advance(4_999)
    assert await bench.attestation.attest(token)
    bench.clock.advance(1)
    assert await bench.reason_of(token) == Reason.EXPIRED


async def test_b16_a_clock_that_is_set_back_revives_nothing_that_is_too_old() -> None:
    """B16, E12: dates are judged by the wall clock of the moment, both ways."""
    bench = Bench()
    token = bench.token(exp=NOW + 60)
    bench.clock.set_wall((NOW + 60) * 1000)
    assert await bench.reason_of(token) == Reason.EXPIRED
    bench.clock.set_wall((NOW - 31) * 1000)
    assert await bench.reason_of(token) == Reason.NOT_YET_VALID


THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
"""Of the key in RFC 9449 §6.1."""


@pytest.mark.parametrize(
    "value",
    [
        *({"jkt": "x"}, {"x5t#S256": "x"}, {"jwk": {}}, {}, None, "x", [], True, THUMBPRINT),
        *({"jwe": "x"}, {"kid": "k"}, {"jku": "https://x", "kid": "k"}, {"x5t": THUMBPRINT}),
        *([{"jkt": THUMBPRINT}], {"jkt": [THUMBPRINT]}, {"jkt": None}, {"jkt": 1}, {"jkt": ""}),
        {"jkt": THUMBPRINT, "x5t#S256": THUMBPRINT},
        {"jkt": THUMBPRINT, "kid": "k"},
        {"jkt": THUMBPRINT + "="},
        {"jkt": THUMBPRINT[:-1] + "J"},
        {"JKT": THUMBPRINT},
    ],
    ids=str,
)
async def test_b21_a_token_bound_to_what_cannot_be_checked_is_refused(value: object) -> None:
    """B21: RFC 7800; and never taken for one that is bound to nothing."""
    bench = Bench()
    assert await bench.reason_of(bench.token(cnf=value)) == Reason.BOUND


@pytest.mark.parametrize("value", [..., None, "", 1, True, [], ["invoice-bot"], {"a": 1}, 1.5])
async def test_b15_a_subject_is_a_text(value: object) -> None:
    """B15, B17: of another type, or missing, it is nobody."""
    bench = Bench()
    assert await bench.reason_of(bench.token(sub=value)) in {
        Reason.CLAIM_MISSING,
        Reason.CLAIM_MALFORMED,
    }


@pytest.mark.parametrize("value", ["king", "AGENT", "agent ", "", 1, True, None, ["agent"], {}])
async def test_a_kind_that_is_not_declared_is_refused(value: object) -> None:
    """RFC 8725 §3.12: a mapping lists what it takes, and nothing else maps to anything."""
    bench = Bench()
    assert await bench.reason_of(bench.token(kind=value)) in {
        Reason.CLAIM_MISMATCH,
        Reason.CLAIM_MISSING,
        Reason.CLAIM_MALFORMED,
    }


@pytest.mark.parametrize("value", [1, "1", "true", None, [True], ...])
async def test_a15_a_demanded_value_is_compared_with_its_type(value: object) -> None:
    """A15: what is verified is what is used; 1 is not true, and a list is not its member."""
    claims = {"required": ["sub", "kind", "instance"], "verified": {"admin": True}}
    bench = Bench(claims={**claims, "optional": ["tenant"], "ignored": ["jti"]})
    assert await bench.attestation.attest(bench.token(admin=True))
    assert await bench.reason_of(bench.token(admin=value)) in {
        Reason.CLAIM_MISMATCH,
        Reason.CLAIM_MISSING,
    }


async def judge(bench: Bench, token: str, reason: Reason | None) -> None:
    """Check that a token passes, or is refused with a word."""
    if reason is None:
        assert await bench.attestation.attest(token)
    else:
        assert await bench.reason_of(token) == reason
