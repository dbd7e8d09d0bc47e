"""Tokens by which the broker logs in at targets: nobody may take one for an access token."""

from typing import Any

import pytest

from backends.errors import BackendError
from broker.attestation.compact import parse_compact
from broker.attestation.reasons import Reason
from broker.client.errors import TokenUntrustedError
from broker.client.jose import split
from broker.errors import AttestationError, UnavailableError
from broker.login_tokens import LoginTokens, epoch_of
from broker.signing.key import SigningKey, new_private_key
from broker.signing.keyring import Keyring
from broker.signing.token_verifier import TokenVerifier
from tests.fakes.clock import FakeClock

ISSUER = "https://broker.example"
KEY = SigningKey("k1", new_private_key("ES256"))


class Keys:
    """Published keys, of which one is active or none."""

    def __init__(self, state: str = "active") -> None:
        manifest = [{"kid": "k1", "state": state, "alg": "ES256", "jwk": dict(KEY.jwk)}]
        self.keyring = Keyring([KEY], manifest)


def tokens(keys: Keys) -> LoginTokens:
    """Sign with these keys."""
    ids = iter("abc")
    return LoginTokens(ISSUER, keys, clock=FakeClock(), new_id=lambda: next(ids))


def read(token: str) -> Any:
    """Return header and claims."""
    read = parse_compact(token)
    return read.unverified_header, read.unverified_claims


def test_it_says_who_we_are_and_for_how_long() -> None:
    """Every claim, in seconds, and no two are the same."""
    signing = tokens(Keys())
    header, claims = read(signing.sign("vault", "broker", 60, {"cluster": "eu"}))

    assert header == {"alg": "ES256", "kid": "k1", "typ": "JWT"}
    assert claims == {
        "iss": ISSUER,
        "sub": "broker",
        "aud": "vault",
        "iat": 1_800_000_000,
        "nbf": 1_800_000_000,
        "exp": 1_800_000_060,
        "jti": "a",
        "cluster": "eu",
    }
    assert read(signing.sign("vault", "broker", 60))[1]["jti"] == "b"


def test_our_own_verifiers_refuse_it() -> None:
    """That of the broker and that of resource servers, although the signature holds."""
    keys = Keys()
    token = tokens(keys).sign("https://orders.example", "agent:bot", 60, {"client_id": "bot"})

    with pytest.raises(AttestationError) as caught:
        TokenVerifier(keys.keyring, issuer=ISSUER).authenticate(token)
    with pytest.raises(TokenUntrustedError, match="typ"):
        split(token)

    assert caught.value.reason == Reason.TYPE


def test_without_an_active_key_nothing_is_signed() -> None:
    """A broker that can only revoke says so."""
    with pytest.raises(BackendError, match="no signing key is active"):
        tokens(Keys("retiring")).sign("vault", "broker", 60)


@pytest.mark.parametrize(
    ("audience", "subject", "lifetime", "claims"),
    [
        ("", "broker", 60, {}),
        ("vault", "", 60, {}),
        ("vault", "broker", 0, {}),
        ("vault", "broker", 3_601, {}),
        ("vault", "broker", 60, {"iss": "https://elsewhere.example"}),
        ("vault", "broker", 60, {"exp": 1}),
    ],
)
def test_what_would_be_another_token_is_not_signed(
    audience: str, subject: str, lifetime: int, claims: dict[str, object]
) -> None:
    """Without a party, for too long, or with our own claims replaced."""
    with pytest.raises(ValueError, match=r"login token|broker's own"):
        tokens(Keys()).sign(audience, subject, lifetime, claims)


def test_the_epoch_is_known_once_the_ledger_was_read() -> None:
    """Until then the backend hears that nobody knows."""

    class Unread:
        @property
        def epoch(self) -> str:
            raise UnavailableError("the ledger was not read yet")

    class Read:
        epoch = "e-1"

    assert epoch_of(Read()) == "e-1"
    with pytest.raises(BackendError, match="not read yet"):
        epoch_of(Unread())
