"""What we accept, PyJWT or joserfc accepts as well, and reads the same claims.

Tokens are built from fragments that parsers disagree about, always signed by the right key, so that
only the reading decides. The other direction does not hold and should not: they are more lenient.
"""

from collections.abc import Callable

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from broker.attestation.trusted_issuer import TrustedIssuer
from tests.fakes.attestation import AUDIENCE
from tests.fakes.issuer import EC_256, sign_raw
from tests.fakes.three_readers import (
    CLAIMS,
    HEADER,
    LATER,
    NOW,
    a_ready_issuer,
    accepted_by_joserfc,
    accepted_by_pyjwt,
    accepted_by_us,
)


@pytest.fixture(scope="module")
def issuer() -> TrustedIssuer:
    """Make a trusted issuer that has its keys."""
    return a_ready_issuer()


DATES = [
    *[str(LATER), str(NOW), str(NOW - 10), str(NOW + 10**6), "1e10", "9e999", "1.5", "true"],
    *['"1"', f'"{LATER}"', "null", "[]", "NaN", "1" * 30, "-1", "0", f"{LATER}.0"],
]
TEXTS = [
    '"x"',
    '""',
    "1",
    "null",
    "[]",
    '"\\ud800"',
    '"\\u0000"',
    "{}",
    '["x"]',
    '"a b"',
    '"e\u0301"',
]
AUDIENCES = [
    f'"{AUDIENCE}"',
    f'["{AUDIENCE}"]',
    f'["{AUDIENCE}","x"]',
    "[]",
    "{}",
    f'"{AUDIENCE} "',
]
MEMBERS = st.one_of(
    st.tuples(st.sampled_from(["exp", "iat", "nbf"]), st.sampled_from(DATES)),
    st.tuples(
        st.sampled_from(["sub", "jti", "iss", "kind", "extra", "", "s\\u0075b"]),
        st.sampled_from(TEXTS),
    ),
    st.tuples(st.just("aud"), st.sampled_from(AUDIENCES)),
    st.tuples(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "zip", "cty"]),
        st.sampled_from(
            ['"ES256"', '"none"', '"k1"', '["exp"]', "[]", "false", "{}", '"JWT"', '"at+jwt"', "0"]
        ),
    ),
)


def splice(document: bytes, members: list[tuple[str, str]], *, first: bool) -> bytes:
    """Add members to an object, before or after its own: names may repeat."""
    text = ",".join(f'"{name}":{value}' for name, value in members).encode("utf-8", "surrogatepass")
    if not text:
        return document
    return b"{" + text + b"," + document[1:] if first else document[:-1] + b"," + text + b"}"


DOCUMENT_CHANGES: list[Callable[[bytes], bytes]] = [
    *[lambda document: document]
    * 15,  # most documents stay, or nearly every token would be refused
    lambda document: b" \n" + document + b"\t",
    lambda document: b"\xef\xbb\xbf" + document,
    lambda document: document.decode("utf-8", "replace").encode("utf-16"),
    lambda document: document + b"{}",
    lambda document: document[:-1] + b',"d":' + b"[" * 40 + b"]" * 40 + b"}",
    lambda document: document[:-1] + b",}",
    lambda document: b"[" + document + b"]",
]
TOKEN_CHANGES: list[Callable[[str], str]] = [
    *[lambda token: token] * 15,
    lambda token: token + "=",
    lambda token: token + "==",
    lambda token: token + "\n",
    lambda token: " " + token,
    lambda token: token + ".",
    lambda token: token.replace(".", "..", 1),
    lambda token: token.rpartition(".")[0] + ".",
    lambda token: token.replace("-", "+").replace("_", "/"),
    lambda token: token[:-1] + ("B" if token[-1] == "A" else "A"),
]


@st.composite
def tokens(draw: st.DrawFn) -> str:
    """Draw a token, rightly signed over whatever was made of its parts, and then perhaps bent."""
    first = draw(st.booleans())
    header = splice(HEADER, draw(st.lists(MEMBERS, max_size=2)), first=first)
    claims = splice(CLAIMS, draw(st.lists(MEMBERS, max_size=3)), first=first)
    header = draw(st.sampled_from(DOCUMENT_CHANGES))(header)
    claims = draw(st.sampled_from(DOCUMENT_CHANGES))(claims)
    return draw(st.sampled_from(TOKEN_CHANGES))(sign_raw(header, claims, EC_256, "ES256"))


@settings(max_examples=300, deadline=None)
@given(token=tokens())
def test_b17_g8_we_accept_nothing_that_both_refuse_or_read_differently(
    issuer: TrustedIssuer, token: str
) -> None:
    """Our yes is the yes of one of them at least, and who says yes reads the same claims.

    joserfc also refuses header members that it does not know, which RFC 7515 §4 tells to ignore.
    """
    ours = accepted_by_us(issuer, token)
    theirs = [accepted_by_pyjwt(token), accepted_by_joserfc(token)]

    event("accepted" if ours else "refused")
    if ours is not None:
        assert ours in theirs
        assert all(claims in (None, ours) for claims in theirs)


def test_an_honest_token_is_accepted_by_all_three(issuer: TrustedIssuer) -> None:
    """The comparison is not empty: an unchanged token passes everywhere."""
    token = sign_raw(HEADER, CLAIMS, EC_256, "ES256")
    assert accepted_by_us(issuer, token) == accepted_by_pyjwt(token) == accepted_by_joserfc(token)
    assert accepted_by_us(issuer, token) is not None


def test_m1_the_comparison_can_fail(issuer: TrustedIssuer) -> None:
    """PyJWT takes the last of two equal claims: the kind of token that the rule is about."""
    token = sign_raw(HEADER, splice(CLAIMS, [("sub", '"admin"')], first=False), EC_256, "ES256")
    lenient = accepted_by_pyjwt(token)
    assert lenient is not None
    assert lenient["sub"] == "admin"
    assert accepted_by_us(issuer, token) is None
