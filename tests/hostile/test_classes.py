"""B14: each class of token into every reader, all signed by one key that all of them trust.

So nothing but the class can refuse: a key that serves two purposes must not make one of two.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from broker import base64url
from broker.client.errors import RefusalError
from broker.client.jose import split
from broker.client.keys import parse_key_set
from broker.client.token import read_claims
from broker.errors import AttestationError
from broker.proof.dpop import ProofError, read_proof
from broker.signing.keyring import Keyring
from broker.signing.token_verifier import TokenVerifier
from tests.fakes import token_mint
from tests.fakes.attestation import Bench
from tests.fakes.issuer import EC_256, encode, public_jwk, sign_raw

JWK: Final = public_jwk(EC_256, "k1", "ES256")
BENCH: Final = Bench()


def signed(typ: str, claims: object, **header: object) -> str:
    """Sign by the one key."""
    return sign_raw(encode({"alg": "ES256", "typ": typ, **header}), encode(claims), EC_256, "ES256")


def proof_header() -> dict[str, object]:
    """Show the key as a proof does."""
    return {"jwk": {name: JWK[name] for name in ("kty", "crv", "x", "y")}}


TOKENS: Final = {
    "workload token": BENCH.token(),
    "access token": signed("at+jwt", token_mint.claims(), kid="k1"),
    "proof": signed(
        "dpop+jwt",
        {"jti": "j", "htm": "GET", "htu": "https://x.example/", "iat": 1_800_000_000},
        **proof_header(),
    ),
}


async def by_attestation(token: str) -> None:
    """Take it for evidence."""
    await BENCH.attestation.attest(token)


async def by_introspection(token: str) -> None:
    """Take it for an access token, at the broker."""
    manifest = [{"kid": "k1", "state": "active", "alg": "ES256", "jwk": JWK}]
    TokenVerifier(Keyring([], manifest), issuer=token_mint.ISSUER).authenticate(token)


async def by_a_resource_server(token: str) -> None:
    """Take it for an access token, at a resource server."""
    jws = split(token)
    key = parse_key_set({"keys": [JWK]})[jws.header.kid]
    assert key.verifies(jws.signing_input, jws.signature)
    read_claims(jws.claims, jws.header.kid)


async def by_possession(token: str) -> None:
    """Take it for a proof."""
    read_proof(token)


READERS: Final[dict[str, tuple[Callable[[str], Awaitable[None]], str]]] = {
    "attestation": (by_attestation, "workload token"),
    "introspection": (by_introspection, "access token"),
    "resource server": (by_a_resource_server, "access token"),
    "possession": (by_possession, "proof"),
}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("reader", READERS)
async def test_b14_a_reader_takes_its_own_class_and_no_other(reader: str, kind: str) -> None:
    """B14: Keycloak GHSA-7fpj-9hr8-28vh (a logout token was taken for an access token)."""
    read, own = READERS[reader]
    if kind == own:
        await read(TOKENS[kind])
        return
    with pytest.raises((AttestationError, RefusalError, ProofError)):
        await read(TOKENS[kind])


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt"])
async def test_b14_what_calls_itself_another_class_becomes_none(kind: str, typ: str) -> None:
    """B14: under any typ the claims of one class are no token of another reader."""
    claims = json.loads(base64url.decode(TOKENS[kind].split(".")[1]))
    header = proof_header() if typ == "dpop+jwt" else {"kid": "k1"}
    token = signed(typ, claims, **header)
    for read, own in READERS.values():
        if own != kind:
            with pytest.raises((AttestationError, RefusalError, ProofError)):
                await read(token)
