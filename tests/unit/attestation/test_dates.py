import pytest

from broker.attestation.dates import DateRules, read_svid_validity, read_validity
from broker.attestation.reasons import Reason
from broker.errors import AttestationError

NOW = 1_800_000_000
RULES = DateRules(max_lifetime_seconds=3600, leeway_seconds=30)


def reason_of(claims: dict[str, object], now_ms: int = NOW * 1000) -> str | None:
    """Return the word with which dates are refused; ``None`` when they pass."""
    try:
        read_validity(claims, RULES).check(now_ms)
    except AttestationError as error:
        return error.reason
    return None


NO_DATES = [
    *[None, True, False, 0, -1, 1.0, 1.5e9, 10**50, 2**63, 253_402_300_800],
    *["1800000300", "9_999_999_999", "\u0661", "", [], {}, [1800000300]],
]


@pytest.mark.parametrize("value", NO_DATES)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_b15_only_a_positive_integer_is_a_date(name: str, value: object) -> None:
    """Booleans, floats, strings, lists and far futures are no dates, in any of the three (M1)."""
    claims = {"exp": NOW + 300, "iat": NOW, "nbf": NOW, name: value}
    assert reason_of(claims) == Reason.DATES


@pytest.mark.parametrize(("name", "reason"), [("exp", Reason.NO_EXPIRY), ("iat", Reason.DATES)])
def test_b15_expiry_and_issue_are_required(name: str, reason: Reason) -> None:
    """A token that does not say when it ends or began is refused; one without end has its word."""
    claims: dict[str, object] = {"exp": NOW + 300, "iat": NOW}
    del claims[name]
    assert reason_of(claims) == reason


@pytest.mark.parametrize(
    ("now_ms", "reason"),
    [
        ((NOW + 300) * 1000 - 1, None),
        ((NOW + 300) * 1000, Reason.EXPIRED),
        ((NOW + 300) * 1000 + 1, Reason.EXPIRED),
    ],
)
def test_b16_no_leeway_prolongs_a_token(now_ms: int, reason: str | None) -> None:
    """It ends at the exact millisecond of ``exp``."""
    assert reason_of({"exp": NOW + 300, "iat": NOW}, now_ms) == reason


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(
    ("early_ms", "reason"), [(29_999, None), (30_000, None), (30_001, Reason.NOT_YET_VALID)]
)
def test_b16_the_leeway_is_for_beginnings(name: str, early_ms: int, reason: str | None) -> None:
    """A token from a clock that is ahead by up to the leeway passes."""
    claims: dict[str, object] = {"exp": NOW + 300, "iat": NOW - 100, name: NOW}
    assert reason_of(claims, NOW * 1000 - early_ms) == reason


@pytest.mark.parametrize(
    ("lifetime", "reason"), [(3599, None), (3600, None), (3601, Reason.LIFETIME)]
)
def test_b15_k8_5_the_lifetime_is_bounded(lifetime: int, reason: str | None) -> None:
    """A token that was made to live longer than its issuer may is refused."""
    assert reason_of({"exp": NOW + lifetime, "iat": NOW}) == reason


@pytest.mark.parametrize("expires", [NOW, NOW - 1])
def test_a_token_that_ends_before_it_begins_is_refused(expires: int) -> None:
    """``exp`` lies after ``iat``."""
    assert reason_of({"exp": expires, "iat": NOW}) == Reason.DATES


@pytest.mark.parametrize(
    ("claims", "begins"),
    [
        ({"iat": NOW - 50}, NOW - 50 - 30),
        ({"iat": NOW - 50, "nbf": NOW - 20}, NOW - 20 - 30),
        ({}, NOW + 300 - 3600 - 30),
        ({"nbf": NOW - 20}, NOW - 20 - 30),
        ({"nbf": NOW - 9_000}, NOW + 300 - 3600 - 30),
    ],
)
def test_a14_a_token_begins_when_it_can_have_been_taken_first(
    claims: dict[str, object], begins: int
) -> None:
    """Leeway included; one that does not say when it was issued, when its rest was not too long."""
    now_ms = NOW * 1000
    validity = read_svid_validity({"exp": NOW + 300, **claims}, RULES, now_ms=now_ms)

    assert validity.not_before_ms == begins * 1000


@pytest.mark.parametrize("early_s", [0, 1])
def test_a14_no_token_is_taken_before_it_begins(early_s: int) -> None:
    """Without ``iat`` as well: its life is then too long, or it is not yet valid."""
    claims: dict[str, object] = {"exp": NOW + 300}
    begins_ms = read_svid_validity(claims, RULES, now_ms=NOW * 1000).not_before_ms
    with pytest.raises(AttestationError) as caught:
        read_svid_validity(claims, RULES, now_ms=begins_ms - early_s * 1000).check(begins_ms)
    assert caught.value.reason == Reason.LIFETIME
