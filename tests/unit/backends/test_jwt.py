import pytest

from backends.access_token import AccessToken, actor_chain
from backends.jwt import access_token_claims

PLAIN = {
    "issuer": "https://broker.example",
    "audience": "https://orders.example",
    "subject": "user:alice",
    "client_id": "child",
    "jti": "l_07_aaaaaaaaaaaaaaaaaaaaaaaaaa.2",
    "scopes": ("orders:read", "orders:list"),
    "issued_at_ms": 1_800_000_000_999,
    "expires_at_ms": 1_800_000_300_999,
    "task": "c_07_bbbbbbbbbbbbbbbbbbbbbbbbbb",
    "path": ("t_07_aaaaaaaaaaaaaaaaaaaaaaaaaa", "c_07_bbbbbbbbbbbbbbbbbbbbbbbbbb"),
    "agent": "child",
    "instance": "pod-1",
    "capability": "orders-api",
    "tenant": "acme",
    "evidence_issuer": "https://issuer.example",
    "actors": ("parent", "child"),
}


def test_the_claims_are_those_of_the_documented_format() -> None:
    """``docs/architecture.md``, "Access token": names, types and order."""
    claims = access_token_claims(AccessToken(**PLAIN))

    assert claims == {
        "iss": "https://broker.example",
        "sub": "user:alice",
        "aud": "https://orders.example",
        "exp": 1_800_000_300,
        "iat": 1_800_000_000,
        "jti": "l_07_aaaaaaaaaaaaaaaaaaaaaaaaaa.2",
        "client_id": "child",
        "scope": "orders:read orders:list",
        "task": "c_07_bbbbbbbbbbbbbbbbbbbbbbbbbb",
        "path": ["t_07_aaaaaaaaaaaaaaaaaaaaaaaaaa", "c_07_bbbbbbbbbbbbbbbbbbbbbbbbbb"],
        "agent": "child",
        "instance": "pod-1",
        "capability": "orders-api",
        "tenant": "acme",
        "evidence_issuer": "https://issuer.example",
        "act": {"sub": "agent:child", "act": {"sub": "agent:parent"}},
        "iat_ms": 1_800_000_000_999,
    }
    assert list(claims) == list(access_token_claims(AccessToken(**PLAIN)))


@pytest.mark.parametrize(("expires_at_ms", "exp"), [(1999, 1), (2000, 2), (2001, 2)])
def test_i2_a_token_never_outlives_its_lease(expires_at_ms: int, exp: int) -> None:
    """Seconds are rounded down."""
    assert (
        access_token_claims(AccessToken(**{**PLAIN, "expires_at_ms": expires_at_ms}))["exp"] == exp
    )


def test_the_outermost_actor_is_the_current_one() -> None:
    """RFC 8693 §4.1: the history lies inside."""
    assert actor_chain(["a"]) == {"sub": "agent:a"}
    assert actor_chain(["a", "b", "c"]) == {
        "sub": "agent:c",
        "act": {"sub": "agent:b", "act": {"sub": "agent:a"}},
    }


def test_a_token_without_an_actor_is_refused() -> None:
    """Somebody always acts."""
    with pytest.raises(ValueError, match="at least one actor"):
        actor_chain([])
