import pytest

from broker.attestation.attested import Scalar
from broker.attestation.claims import MAX_VALUE, SignedClaims, check_audience, select
from broker.attestation.declared_claims import ClaimsDeclaration
from broker.attestation.reasons import Reason
from broker.errors import AttestationError

AUDIENCE = "https://broker.example"


def reason_of(claims: dict[str, object], declared: ClaimsDeclaration) -> str:
    """Return the word with which claims are refused."""
    with pytest.raises(AttestationError) as caught:
        select(SignedClaims(claims), declared)
    return caught.value.reason


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE]])
def test_the_sole_audience_passes_as_string_or_list(audience: object) -> None:
    """RFC 7519 §4.1.3 allows both spellings of one audience."""
    check_audience(SignedClaims({"aud": audience}), AUDIENCE)


AUDIENCES = [
    *[None, "", "x", AUDIENCE.upper(), AUDIENCE + "/", AUDIENCE[:-1], True, 1, {AUDIENCE: 1}],
    *[[], ["x"], [AUDIENCE, "x"], ["x", AUDIENCE], [AUDIENCE, AUDIENCE], [[AUDIENCE]], [None]],
]


@pytest.mark.parametrize("audience", AUDIENCES)
def test_b13_every_other_audience_is_refused(audience: object) -> None:
    """A token that others hold as well could be replayed by them."""
    with pytest.raises(AttestationError) as caught:
        check_audience(SignedClaims({"aud": audience}), AUDIENCE)
    assert caught.value.reason == Reason.AUDIENCE


def test_b13_a_missing_audience_is_refused() -> None:
    """A token for nobody in particular is not for us."""
    with pytest.raises(AttestationError):
        check_audience(SignedClaims({}), AUDIENCE)


@pytest.mark.parametrize(
    ("demanded", "value"),
    [("x", "x"), (("x", "y"), "y"), (1, 1), (True, True), ((1, "1"), "1")],
)
def test_a_verified_claim_has_one_of_its_values(
    demanded: Scalar | tuple[Scalar, ...], value: object
) -> None:
    """The value is taken along."""
    declared = ClaimsDeclaration(verified={"c": demanded})
    assert select(SignedClaims({"c": value}), declared) == {"c": value}


@pytest.mark.parametrize(
    ("demanded", "value"),
    [
        ("x", "X"),
        ("x", "x "),
        ("x", ["x"]),
        ("x", {"x": 1}),
        (1, True),
        (True, 1),
        (1, "1"),
        (1, 1.0),
        (("x", "y"), "x,y"),
        ("repo:acme/app", "repo:acme/app-evil"),
    ],
)
def test_b12_b25_a_verified_claim_with_another_value_is_refused(
    demanded: Scalar | tuple[Scalar, ...], value: object
) -> None:
    """Values and their types are compared exactly; there are no patterns."""
    declared = ClaimsDeclaration(verified={"c": demanded})
    assert reason_of({"c": value}, declared) == Reason.CLAIM_MISMATCH


@pytest.mark.parametrize("claims", [{}, {"c": None}])
def test_demanded_claims_must_be_there(claims: dict[str, object]) -> None:
    """Neither absence nor null satisfies a declaration."""
    assert reason_of(claims, ClaimsDeclaration(verified={"c": "x"})) == Reason.CLAIM_MISSING
    assert reason_of(claims, ClaimsDeclaration(required=("c",))) == Reason.CLAIM_MISSING


def test_only_declared_scalars_are_taken_along() -> None:
    """Undeclared and ignored claims, lists, objects and floats stay behind."""
    declared = ClaimsDeclaration(
        required=("s", "o", "/o/in"), optional=("i", "b", "l", "f", "gone"), ignored=("x",)
    )
    claims = {
        "s": "t", "i": 7, "b": False, "l": [1], "f": 1.5, "o": {"in": "deep"}, "x": "y", "u": "v",
    }  # fmt: skip

    selected = select(SignedClaims(claims), declared)

    assert selected == {"s": "t", "i": 7, "b": False, "/o/in": "deep"}


@pytest.mark.parametrize("value", ["a\x00", "a\u202e", "e\u0301", "x" * (MAX_VALUE + 1)])
def test_f17_a_declared_claim_that_cannot_be_shown_is_refused(value: str) -> None:
    """Controls, directions, other normal forms and overlong values end at the door."""
    assert reason_of({"c": value}, ClaimsDeclaration(optional=("c",))) == Reason.CLAIM_MALFORMED
