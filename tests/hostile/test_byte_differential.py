"""Tokens bent byte by byte: we accept nothing that PyJWT and joserfc both refuse.

The reading of JSON is compared elsewhere; here signatures and segments of every family of
algorithms are bent, through a full attest.
"""

import asyncio
from collections.abc import Callable

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from broker import base64url
from broker.errors import AttestationError
from tests.fakes.attestation import Bench
from tests.fakes.issuer import KEYS, Signer, public_jwk

FAMILIES = ["ES256", "ES384", "EdDSA", "RS256", "PS256"]
TOKEN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0\u00e9"


def _ready(alg: str) -> tuple[Bench, str]:
    bench = Bench(algorithms=[alg])
    bench.signer = Signer(alg=alg)
    bench.source.document = bench.signer.jwks()
    return bench, bench.token()


READY = {alg: _ready(alg) for alg in FAMILIES}
JOSERFC = {alg: joserfc.jwk.import_key(public_jwk(KEYS[alg], "k1", alg)) for alg in FAMILIES}


def ours(alg: str, token: str) -> bool:
    """Tell whether we accept a token."""
    try:
        asyncio.run(READY[alg][0].attestation.attest(token))
    except AttestationError:
        return False
    return True


def theirs(alg: str, token: str) -> bool:
    """Tell whether one of the libraries holds the signature for good."""
    return _accepts(lambda: _pyjwt(alg, token)) or _accepts(lambda: _joserfc(alg, token))


def _pyjwt(alg: str, token: str) -> object:
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
    return jwt.decode(token, KEYS[alg].public_key(), algorithms=[alg], options=options)


def _joserfc(alg: str, token: str) -> object:
    return joserfc.jwt.decode(token, JOSERFC[alg], algorithms=[alg])


def _accepts(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (jwt.PyJWTError, joserfc.errors.JoseError, ValueError, TypeError, OverflowError):
        return False
    return True


def _set(token: str, position: int, character: str) -> str:
    return token[:position] + character + token[position + 1 :]


def _insert(token: str, position: int, character: str) -> str:
    return token[:position] + character + token[position:]


def _signature(token: str, position: int, character: str) -> str:
    unsigned, _, text = token.rpartition(".")
    raw = bytearray(base64url.decode(text))
    raw[position % len(raw)] ^= 1 << (ord(character) % 8)
    return f"{unsigned}.{base64url.encode(bytes(raw))}"


def _cut(token: str, position: int, _character: str) -> str:
    return token[:position]


BENDS = [_set, _insert, _signature, _cut, lambda token, _position, _character: token]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@settings(max_examples=250, deadline=None)
@given(
    alg=st.sampled_from(FAMILIES),
    bend=st.sampled_from(BENDS),
    place=st.integers(min_value=0, max_value=2_000),
    character=st.sampled_from(TOKEN_CHARACTERS),
)
def test_b22_g8_no_bent_token_is_accepted_that_both_libraries_refuse(
    alg: str, bend: Callable[[str, int, str], str], place: int, character: str
) -> None:
    """B17, B20, B22, G8: our yes is always the yes of one of them."""
    token = READY[alg][1]
    bent = bend(token, place % len(token), character)

    accepted = ours(alg, bent)

    event(f"{alg} {'accepted' if accepted else 'refused'}")
    assert not accepted or theirs(alg, bent)
    assert not accepted or bent == token


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_the_comparison_is_not_empty() -> None:
    """An unbent token is accepted by all three; a padded one by a library alone (M3)."""
    for alg, (_, token) in READY.items():
        assert ours(alg, token)
        assert _accepts(lambda token=token, alg=alg: _pyjwt(alg, token))
        assert _accepts(lambda token=token, alg=alg: _joserfc(alg, token))
    assert not ours("ES256", READY["ES256"][1] + "==")
    assert theirs("ES256", READY["ES256"][1] + "==")
