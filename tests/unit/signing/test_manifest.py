from typing import Any

import pytest

from broker.errors import ConfigurationError
from broker.signing.key import SigningKey, new_private_key
from broker.signing.manifest import KeyState, read_manifest
from tests.fakes.issuer import RSA_2048, public_jwk


def line(kid: str = "k1", state: str = "active", alg: str = "EdDSA") -> dict[str, Any]:
    """Write one line of a manifest."""
    key = SigningKey(kid, new_private_key(alg))
    return {"kid": kid, "state": state, "alg": alg, "jwk": dict(key.jwk)}


def test_a_manifest_is_read_in_its_order() -> None:
    """States, names and keys come out."""
    keys = read_manifest([line("a", "next"), line("b", "active", "ES256"), line("c", "retiring")])
    assert [(key.kid, key.state) for key in keys] == [
        ("a", KeyState.NEXT),
        ("b", KeyState.ACTIVE),
        ("c", KeyState.RETIRING),
    ]
    assert [key.verification.algorithm.name for key in keys] == ["EdDSA", "ES256", "EdDSA"]


def test_members_of_a_newer_version_are_ignored() -> None:
    """During an upgrade older replicas go on."""
    assert read_manifest([{**line(), "since": 1}])


def test_an_empty_manifest_publishes_nothing() -> None:
    """That is how a broker begins."""
    assert read_manifest([]) == ()


def test_only_public_members_are_kept() -> None:
    """What else stands in a published key is not published on."""
    entry = line()
    entry["jwk"]["comment"] = "x"
    (key,) = read_manifest([entry])
    assert set(key.jwk) == {"kty", "crv", "x", "kid", "alg", "use"}


FAULTY: dict[str, list[dict[str, Any]]] = {
    "two active": [line("a"), line("b")],
    "same name": [line("a"), line("a", "next")],
    "unknown state": [line(state="gone")],
    "alg that is not the key's": [{**line(), "alg": "ES256"}],
    "alg we do not sign with": [
        {**line(), "alg": "RS256", "jwk": public_jwk(RSA_2048, "k1", "RS256")}
    ],
    "no key": [{"kid": "a", "state": "active", "alg": "EdDSA"}],
    "name that no token may carry": [line("a b")],
    "broken point": [{**line(), "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}}],
    "not a key": [{**line(), "jwk": "x"}],
}


@pytest.mark.parametrize("manifest", FAULTY.values(), ids=FAULTY.keys())
def test_a_faulty_manifest_is_refused_whole(manifest: list[dict[str, Any]]) -> None:
    """A replica that cannot read what is published does not mint."""
    with pytest.raises(ConfigurationError, match="signing manifest"):
        read_manifest(manifest)


def test_i13_a_private_key_in_the_manifest_is_refused() -> None:
    """The control record is no place for it."""
    entry = line()
    entry["jwk"]["d"] = "AA"
    with pytest.raises(ConfigurationError, match="private"):
        read_manifest([entry])
