import json

import pytest

from broker.client.bearer import Presented, authorization_of, refusal_answer, require_quotable
from broker.client.errors import (
    AuthorizationMalformedError,
    ScopeMissingError,
    TokenExpiredError,
    TokenMissingError,
    ViewStaleError,
)


@pytest.mark.parametrize("shown", ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"])
def test_the_token_is_what_follows_the_scheme(shown: str) -> None:
    """The scheme has no case; spaces after it do not count."""
    assert authorization_of(Presented((shown,))).token == "a.b.c"


@pytest.mark.parametrize("shown", [(), ("",), ("Basic dXNlcg==",), (" Bearer a",)])
def test_no_bearer_token_is_missing_and_not_malformed(shown: tuple[str, ...]) -> None:
    """Whoever shows another scheme, or nothing, is told what to send."""
    with pytest.raises(TokenMissingError):
        authorization_of(Presented(shown))


@pytest.mark.parametrize(
    "shown",
    [
        ("Bearer",),
        ("Bearer ",),
        ("Bearer\ta.b.c",),
        ("Bearer a b",),
        ("Bearer a\n",),
        ("Bearer ä",),
        ("Bearer a=b",),
        ("Bearer a", "Bearer a"),
        ("Basic x", "Bearer a"),
    ],
)
def test_anything_but_one_credential_is_malformed(shown: tuple[str, ...]) -> None:
    """Two readers must never find two tokens in one request."""
    with pytest.raises((AuthorizationMalformedError, TokenMissingError)):
        authorization_of(Presented(shown))


@pytest.mark.parametrize("query", ["access_token=a", "x=1&access_token", "access%5Ftoken=a"])
def test_a_token_in_the_url_is_refused_however_it_is_written(query: str) -> None:
    """RFC 6750 §2.3: it would be in every log on the way."""
    with pytest.raises(AuthorizationMalformedError):
        authorization_of(Presented(("Bearer a",), query))


def test_other_parameters_do_no_harm() -> None:
    """Only the reserved name is."""
    assert authorization_of(Presented(("Bearer a",), "access_tokens=1&q=access_token")).token == "a"


def test_what_was_presented_does_not_show_itself() -> None:
    """A token in a header or in the URL stays out of logs."""
    assert "canary" not in repr(Presented(("Bearer canary",), "access_token=canary"))


def test_a_challenge_names_realm_error_and_scope() -> None:
    """RFC 6750 §3, in one header and again as JSON."""
    answer = refusal_answer(ScopeMissingError(frozenset({"b", "a"})), "orders")

    headers = dict(answer.headers)
    assert answer.status == 403
    assert headers["WWW-Authenticate"].startswith('Bearer realm="orders", error="insufficient_')
    assert headers["WWW-Authenticate"].endswith('scope="a b"')
    assert json.loads(answer.body)["scope"] == "a b"


def test_who_sent_nothing_is_told_no_error() -> None:
    """RFC 6750 §3.1."""
    answer = refusal_answer(TokenMissingError(), "orders")

    assert dict(answer.headers)["WWW-Authenticate"] == 'Bearer realm="orders"'
    assert answer.body == b"{}"


@pytest.mark.parametrize(
    ("refusal", "status", "challenges"), [(TokenExpiredError(), 401, 1), (ViewStaleError(), 503, 0)]
)
def test_only_a_bad_token_is_challenged(
    refusal: TokenExpiredError | ViewStaleError, status: int, challenges: int
) -> None:
    """A server that cannot tell asks for patience, not for another token."""
    answer = refusal_answer(refusal, "orders")

    names = [name for name, _ in answer.headers]
    assert (answer.status, names.count("WWW-Authenticate")) == (status, challenges)
    assert names.count("Retry-After") == 1 - challenges


@pytest.mark.parametrize("text", ["", 'a"b', "a\\b", "ä", "a\r\nX: y", "\x7f"])
def test_what_would_break_a_header_is_refused(text: str) -> None:
    """A mistake in the code shows when it is loaded."""
    with pytest.raises(ValueError, match="header"):
        require_quotable(text)
