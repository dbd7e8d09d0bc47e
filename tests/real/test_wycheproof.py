"""B22: an issuer's key set and our verifier accept no invalid vector of Project Wycheproof.

What is accepted by them and not by us is refused by a rule of ours, which is named here.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pytest

from broker import base64url, strict_json
from broker.attestation.algorithms import ALGORITHMS
from broker.attestation.header import ABSENT, check_header
from broker.attestation.keyset import read_members
from broker.client import keys as client_keys
from broker.client.errors import TokenMalformedError, TokenUntrustedError
from broker.client.jose import split
from broker.errors import AttestationError, InvalidRequestError
from tests.real.wycheproof import Vector, vectors

pytestmark = pytest.mark.real

SIGNATURES: Final = {
    "ecdsa_secp256r1_sha256_p1363": "ES256",
    "ecdsa_secp384r1_sha384_p1363": "ES384",
    "ed25519": "EdDSA",
    "rsa_signature_2048_sha256": "RS256",
    "rsa_pss_2048_sha256_mgf1_32": "PS256",
}
TOKENS: Final = ("json_web_signature", "json_web_key", "json_web_crypto")

TYPES: Final = frozenset({ABSENT, "jwt", "jose", "jose+json"})


def member(vector: Vector, alg: str) -> dict[str, Any]:
    """Write a vector's key as an issuer publishes it."""
    (key,) = vector.keys
    kept = {name: value for name, value in key.items() if name != "key_ops"}
    return {**kept, "kid": "k", "alg": alg, "use": "sig"}


def holds(keys: Mapping[str, Any], vector: Vector) -> bool | None:
    """Tell whether a signature holds; None when its key is not taken."""
    key = keys.get("k")
    message, signature = (bytes.fromhex(vector.test[name]) for name in ("msg", "sig"))
    return None if key is None else key.verifies(message, signature)


@pytest.mark.parametrize("name", SIGNATURES)
def test_b22_a_signature_holds_exactly_if_its_vector_is_valid(name: str) -> None:
    """Bar exponents of RSA below 65537, whose keys are left out; `acceptable` is refused."""
    alg, seen = SIGNATURES[name], Counter[tuple[str, bool | None]]()
    for vector in vectors(name):
        if not vector.keys:
            continue  # keys that have no form as a JWK
        published = member(vector, alg)
        answer = holds(read_members([published], list(ALGORITHMS)).keys, vector)
        seen[vector.result, answer] += 1
        if answer is None:
            assert published["kty"] == "RSA"
            assert int.from_bytes(base64url.decode(published["e"]), "big") < 65537
        else:
            assert answer == (vector.result == "valid"), vector.comment
        if alg in {"ES256", "EdDSA"}:
            parsed = client_keys.parse_key_set({"keys": [published]})
            assert holds(parsed, vector) == answer, vector.comment
    assert seen["valid", True] > 0
    assert seen["invalid", False] > 0


def accepted_by_an_issuer(vector: Vector) -> bool:
    """Read the token's form, header and signature as attestation does; its payload is no claims."""
    token = vector.test["jws"]
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3 or not all(parts):
        return False
    try:
        header = strict_json.loads_object(base64url.decode(parts[0]), max_bytes=16_384)
        checked = check_header(header, algorithms=list(ALGORITHMS), types=TYPES)
        signature = base64url.decode(parts[2])
        base64url.decode(parts[1])
    except (AttestationError, InvalidRequestError, ValueError):
        return False
    if {"crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc"} & header.keys():
        return False
    key = read_members(list(vector.keys), list(ALGORITHMS)).keys.get(checked.key_id)
    if key is None or key.algorithm.name != checked.algorithm:
        return False
    return key.verifies(f"{parts[0]}.{parts[1]}".encode(), signature)


def our_rule(vector: Vector) -> str:
    """Name the rule of ours that refuses a valid token; empty when there is none."""
    try:
        header = json.loads(base64url.decode(vector.test["jws"].partition(".")[0]))
    except ValueError:
        return "base64url in its one spelling"
    if header["alg"] not in ALGORITHMS:
        return "no HMAC, no P-521"
    if ".." in vector.test["jws"]:
        return "three segments, none of them empty"
    if "@" in str(header["kid"]):
        return "a kid is of A-Z a-z 0-9 . _ : + = / -"
    return ""


@pytest.mark.parametrize("name", TOKENS)
def test_b22_no_invalid_token_is_accepted(name: str) -> None:
    """Nor any at all by our verifier: none of them is an access token."""
    seen = Counter[tuple[str, bool]]()
    for vector in vectors(name):
        if "jws" not in vector.test:
            continue  # encryption
        answer = accepted_by_an_issuer(vector)
        seen[vector.result, answer] += 1
        assert not (answer and vector.result == "invalid"), (vector.number, vector.comment)
        assert answer or vector.result != "valid" or our_rule(vector), vector.comment
        with pytest.raises((TokenMalformedError, TokenUntrustedError)):
            split(str(vector.test["jws"]))
    assert seen["invalid", False] > 0
