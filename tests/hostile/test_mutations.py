"""What is nearly valid, into every strict reader (G8): it is read exactly, or refused cleanly.

Documents are bent and then rightly signed, so that only the reading can refuse them; tokens are
bent after they were signed.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import jwt
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from broker.attestation.spiffe.spiffe_id import SpiffeIdError, parse_spiffe_id
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.proof.authorization import AuthorizationError, Scheme, parse_authorization
from broker.proof.dpop import ProofError, SignedProof, read_proof
from tests.fakes.issuer import EC_256, encode, public_jwk, sign_raw
from tests.fakes.mutations import JSON_PIECES, bent, respelt
from tests.fakes.three_readers import (
    CLAIMS,
    HEADER,
    a_ready_issuer,
    accepted_by_joserfc,
    accepted_by_pyjwt,
    accepted_by_us,
)

TOKEN: Final = sign_raw(HEADER, CLAIMS, EC_256, "ES256")


@pytest.fixture(scope="module")
def issuer() -> TrustedIssuer:
    """Make a trusted issuer that has its keys."""
    return a_ready_issuer()


def check_evidence(issuer: TrustedIssuer, token: str) -> None:
    """Our yes is the yes of one of them at least, and who says yes reads the same claims."""
    ours = accepted_by_us(issuer, token)
    theirs = [accepted_by_pyjwt(token), accepted_by_joserfc(token)]
    event(f"we {'accept' if ours else 'refuse'}, {sum(map(bool, theirs))} of the others accept")
    if ours is not None:
        assert ours in theirs
        assert all(claims in (None, ours) for claims in theirs)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@settings(max_examples=400)
@given(claims=bent(CLAIMS, JSON_PIECES))
def test_b17_g8_bent_claims_are_read_as_others_read_them(
    issuer: TrustedIssuer, claims: bytes
) -> None:
    """B17: whatever was signed, no two readers that accept it read two things."""
    check_evidence(issuer, sign_raw(HEADER, claims, EC_256, "ES256"))


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@settings(max_examples=300)
@given(header=bent(HEADER, JSON_PIECES))
def test_b17_b18_g8_a_bent_header_is_read_as_others_read_it(
    issuer: TrustedIssuer, header: bytes
) -> None:
    """B17, B18: as with claims."""
    check_evidence(issuer, sign_raw(header, CLAIMS, EC_256, "ES256"))


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@settings(max_examples=300)
@given(token=respelt(TOKEN))
def test_b20_g8_a_token_has_one_spelling(issuer: TrustedIssuer, token: str) -> None:
    """B20: other ways to write its segments, which libraries partly take, are no token."""
    check_evidence(issuer, token)

    assert (accepted_by_us(issuer, token) is not None) == (token == TOKEN)


def test_the_mutations_come_near_enough(issuer: TrustedIssuer) -> None:
    """Unbent, all accept; and there are bends which a library alone accepts, or we do with it."""
    spaced = sign_raw(HEADER, b" " + CLAIMS, EC_256, "ES256")

    assert accepted_by_us(issuer, TOKEN) == accepted_by_us(issuer, spaced) is not None
    assert accepted_by_pyjwt(TOKEN + "==") is not None
    assert accepted_by_us(issuer, TOKEN + "==") is None


PROOF_JWK: Final = {
    name: member
    for name, member in public_jwk(EC_256, "", "ES256").items()
    if name in {"kty", "crv", "x", "y"}
}
PROOF_HEADER: Final = encode({"typ": "dpop+jwt", "alg": "ES256", "jwk": PROOF_JWK})
PROOF_CLAIMS: Final = encode(
    {"jti": "j-1", "htm": "POST", "htu": "https://orders.example/v1/orders", "iat": 1_800_000_000}
)
PROOF: Final = sign_raw(PROOF_HEADER, PROOF_CLAIMS, EC_256, "ES256")


def proof_by_us(text: str) -> SignedProof | None:
    """Read a proof, or refuse it."""
    try:
        return read_proof(text)
    except ProofError:
        return None


def proof_by_pyjwt(text: str) -> Mapping[str, Any]:
    """Read the claims of what the key in the header has signed."""
    key = jwt.PyJWK(jwt.get_unverified_header(text)["jwk"], algorithm="ES256")
    # A proof has no claims but its own: what others would mean in a token counts for nothing.
    ignored = {
        f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
    }
    return jwt.decode(text, key, algorithms=["ES256"], options=ignored)


def check_proof(text: str) -> None:
    """What we accept PyJWT accepts as well, and reads the same."""
    ours = proof_by_us(text)
    event("accepted" if ours else "refused")
    if ours is not None:
        theirs = proof_by_pyjwt(text)
        said = (ours.token_id, ours.method, ours.url, ours.issued_at_s, ours.token_hash)
        assert said == tuple(theirs.get(name) for name in ("jti", "htm", "htu", "iat", "ath"))


@settings(max_examples=300)
@given(claims=bent(PROOF_CLAIMS, JSON_PIECES))
def test_g8_bent_claims_of_a_proof_are_read_as_others_read_them(claims: bytes) -> None:
    """C7: and anything else is a clean refusal."""
    check_proof(sign_raw(PROOF_HEADER, claims, EC_256, "ES256"))


@settings(max_examples=300)
@given(header=bent(PROOF_HEADER, JSON_PIECES))
def test_g8_a_bent_header_of_a_proof_shows_the_same_key_or_none(header: bytes) -> None:
    """C7: the key that is shown is the one that has signed, so no other is ever taken."""
    text = sign_raw(header, PROOF_CLAIMS, EC_256, "ES256")
    check_proof(text)
    ours, unbent = proof_by_us(text), read_proof(PROOF)

    assert ours is None or ours.key == unbent.key


@settings(max_examples=300)
@given(text=respelt(PROOF) | bent(PROOF, ("A", "_", ".", "=", "+", " ", "\n", "\u00e9")))
def test_b20_g8_a_proof_has_one_spelling(text: str) -> None:
    """B20: a proof that is bent after it was signed is none."""
    assert (proof_by_us(text) is not None) == (text == PROOF)


SPIFFE_IDS: Final = ("spiffe://td.example/ns/acme/sa/bot", "spiffe://a", "spiffe://t_d-1.x/.../a.b")
SPIFFE_PIECES: Final = (*"aZ09._-/:@?#%&\\ \x00\n\u0430[]", "//", "/../", "/./", "%2e", ":443")
SPIFFE_ID: Final = re.compile(
    r"spiffe://[a-z0-9._-]{1,255}(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)*"
)
"""SPIFFE-ID §2 as one expression."""


@settings(max_examples=1_000)
@given(text=st.sampled_from(SPIFFE_IDS).flatmap(lambda valid: bent(valid, SPIFFE_PIECES)))
@example("spiffe://td/..")
@example("spiffe://td/.")
def test_b24_g8_a_bent_spiffe_id_is_read_exactly_if_the_grammar_makes_it(text: str) -> None:
    """B24: neither more nor less, and as it is written."""
    try:
        parsed = parse_spiffe_id(text)
    except SpiffeIdError:
        parsed = None

    event("read" if parsed else "refused")
    assert (parsed is not None) == (SPIFFE_ID.fullmatch(text) is not None and len(text) <= 2048)
    assert parsed is None or str(parsed) == text


SHOWN: Final = ("Bearer a.b-c_d~e+f/g==", "DPoP aaaa.bbbb.cccc", "bearer x")
SHOWN_PIECES: Final = (*'aZ09._-~+/= ,;"\t\n\x00\u00e9', "Bearer ", ", DPoP x", "  ")


@settings(max_examples=1_000)
@given(value=st.sampled_from(SHOWN).flatmap(lambda valid: bent(valid, SHOWN_PIECES)))
def test_g8_a_bent_authorization_shows_one_token_or_none(value: str) -> None:
    """M6: what is read is all that was sent: a scheme, spaces, and one token without any."""
    try:
        shown = parse_authorization([value])
    except AuthorizationError:
        event("refused")
        assert value.lower().startswith(tuple(Scheme))
        return
    event("a token" if shown else "another scheme")
    if shown is None:
        assert value.partition(" ")[0].lower() not in set(Scheme)
    else:
        scheme, *spaces, token = value.split(" ")
        assert (scheme.lower(), token) == (shown.scheme, shown.token)
        assert not any(spaces)
        assert re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token, re.ASCII)
