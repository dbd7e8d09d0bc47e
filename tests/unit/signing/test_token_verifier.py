from typing import Any

import pytest

from backends.access_token import AccessToken
from backends.jwt import access_token_claims
from broker import base64url
from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from broker.signing.key import SigningKey, new_private_key
from broker.signing.keyring import Keyring
from broker.signing.token_verifier import TokenVerifier
from tests.fakes.issuer import encode

ISSUER = "https://broker.example"
NOW_MS = 1_800_000_000_000
CURVE = new_private_key("ES256")
KEY = SigningKey("k1", CURVE)
MANIFEST = [{"kid": "k1", "state": "active", "alg": "ES256", "jwk": dict(KEY.jwk)}]
VERIFIER = TokenVerifier(Keyring([], MANIFEST), issuer=ISSUER)

CLAIMS: dict[str, Any] = access_token_claims(
    AccessToken(
        issuer=ISSUER,
        audience="https://orders.example",
        subject="agent:bot",
        client_id="bot",
        jti="l_07_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        scopes=["orders:read"],
        issued_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + 300_000,
        task="t_07_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        path=["t_07_aaaaaaaaaaaaaaaaaaaaaaaaaa"],
        agent="bot",
        instance="pod-1",
        capability="orders-api",
        tenant="acme",
        evidence_issuer="https://issuer.example",
        actors=["bot"],
    )
)


def reason_of(token: str) -> str:
    """Return the word with which a token is refused."""
    with pytest.raises(AttestationError) as caught:
        VERIFIER.authenticate(token)
    return caught.value.reason


def sign(**changes: object) -> str:
    """Sign our claims with some changed; ``...`` leaves one out."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    return KEY.sign(claims).reveal()


def test_our_own_token_verifies() -> None:
    """Its claims come back as they went in."""
    assert VERIFIER.authenticate(sign()).claims == CLAIMS
    assert VERIFIER.verify(sign(), NOW_MS) == CLAIMS


@pytest.mark.parametrize(("early_ms", "is_good"), [(1, True), (0, False), (-1, False)])
def test_b15_expiry_is_judged_to_the_millisecond_and_apart(early_ms: int, *, is_good: bool) -> None:
    """``authenticate`` leaves it to the ledger, ``verify`` does not."""
    now_ms = NOW_MS + 300_000 - early_ms
    assert VERIFIER.authenticate(sign())
    if is_good:
        assert VERIFIER.verify(sign(), now_ms)
    else:
        with pytest.raises(AttestationError) as caught:
            VERIFIER.verify(sign(), now_ms)
        assert caught.value.reason == Reason.EXPIRED


@pytest.mark.parametrize("claim", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
@pytest.mark.parametrize("value", [..., None, "", 0, True, [], {}, 1.5])
def test_rfc_9068_every_required_claim_is_checked_by_type(claim: str, value: object) -> None:
    """§2.2: missing, empty or of another type, the token is none of ours."""
    assert reason_of(sign(**{claim: value})) in {
        Reason.UNTRUSTED_ISSUER,
        Reason.CLAIM_MISSING,
        Reason.DATES,
    }


@pytest.mark.parametrize("typ", ["JWT", "jwt", "", "dpop+jwt", "secevent+jwt", "at+jw"])
def test_b14_at1_at2_another_class_of_token_is_refused(typ: str) -> None:
    """An ID token, or a plain JWT by the same key, is no access token."""
    other = SigningKey("k1", CURVE, token_type=typ)
    assert reason_of(other.sign(CLAIMS).reveal()) == Reason.TYPE


@pytest.mark.parametrize("typ", ["at+jwt", "at+JWT", "application/at+jwt"])
def test_rfc_9068_the_type_compares_as_a_media_type(typ: str) -> None:
    """§4 allows the prefix, and its own figure writes ``at+JWT``."""
    assert VERIFIER.authenticate(SigningKey("k1", CURVE, token_type=typ).sign(CLAIMS).reveal())


def test_b11_another_issuer_is_refused() -> None:
    """Even if our key signed it."""
    assert reason_of(sign(iss=ISSUER + "/")) == Reason.UNTRUSTED_ISSUER


def test_at4_none_and_hmac_are_refused() -> None:
    """Only our two algorithms exist here."""
    _, claims, signature = sign().split(".")
    for alg in ("none", "HS256", "RS256"):
        header = base64url.encode(encode({"alg": alg, "kid": "k1", "typ": "at+jwt"}))
        assert reason_of(f"{header}.{claims}.{signature}") == Reason.ALGORITHM


def test_b2_the_header_must_name_the_keys_own_algorithm() -> None:
    """EdDSA is ours as well, but not this key's."""
    _, claims, signature = sign().split(".")
    header = base64url.encode(encode({"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}))
    assert reason_of(f"{header}.{claims}.{signature}") == Reason.ALGORITHM


def test_an_unpublished_key_is_refused() -> None:
    """Whoever holds its private half."""
    assert reason_of(SigningKey("k2", CURVE).sign(CLAIMS).reveal()) == Reason.UNKNOWN_KEY


def test_a_key_of_the_same_name_is_not_the_published_one() -> None:
    """Its signature does not hold."""
    impostor = SigningKey("k1", new_private_key("ES256"))
    assert reason_of(impostor.sign(CLAIMS).reveal()) == Reason.SIGNATURE


@pytest.mark.parametrize("token", ["", "a.b.c", "e30.e30.", "\ud800", "x" * 20_000])
def test_b28_any_text_is_answered_with_the_one_error(token: str) -> None:
    """Nothing a caller sends raises anything else."""
    assert reason_of(token) in set(Reason)


def test_b20_another_spelling_of_a_token_is_refused() -> None:
    """No padding, no trailing characters."""
    for spelling in (sign() + "==", sign() + "\n", sign() + "."):
        assert reason_of(spelling) == Reason.MALFORMED
