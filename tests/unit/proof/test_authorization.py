"""The one parser of ``Authorization``."""

import pytest

from broker.proof.authorization import (
    Authorization,
    AuthorizationError,
    Scheme,
    parse_authorization,
)


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ("Bearer a.b-c_d~e+f/g==", Scheme.BEARER),
        ("bearer a.b-c_d~e+f/g==", Scheme.BEARER),
        ("BEARER   a.b-c_d~e+f/g==", Scheme.BEARER),
        ("DPoP a.b-c_d~e+f/g==", Scheme.DPOP),
        ("dpop a.b-c_d~e+f/g==", Scheme.DPOP),
    ],
)
def test_a_token_is_read_with_its_scheme(header: str, scheme: Scheme) -> None:
    """The scheme's name has no case; any number of spaces may follow it."""
    assert parse_authorization([header]) == Authorization(scheme, "a.b-c_d~e+f/g==")


@pytest.mark.parametrize("headers", [[], ["Basic dTpw"], ["Digest x"], [""], ["a"], ["Bearer\ta"]])
def test_what_names_no_scheme_of_ours_shows_no_token(headers: list[str]) -> None:
    """That is no fault of the request."""
    assert parse_authorization(headers) is None


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer a\n",
        "Bearer =",
        "Bearer a=b",
        "Bearer \u00e9",
        'DPoP "a"',
        "DPoP",
        "Bearer a, DPoP b",
    ],
)
def test_a_malformed_one_is_refused(header: str) -> None:
    """Nothing is trimmed or guessed."""
    with pytest.raises(AuthorizationError):
        parse_authorization([header])


def test_two_headers_are_refused() -> None:
    """Nobody can say which one counts (M6)."""
    with pytest.raises(AuthorizationError):
        parse_authorization(["Bearer a", "DPoP a"])


def test_a_token_is_not_shown() -> None:
    """It is a secret."""
    assert "canary" not in repr(Authorization(Scheme.BEARER, "canary"))
