from typing import Any

import pytest

from broker.errors import UnavailableError
from broker.signing.key import SigningKey, new_private_key
from broker.signing.keyring import Keyring

NEXT = SigningKey("next", new_private_key("ES256"))
ACTIVE = SigningKey("active", new_private_key("EdDSA"))
RETIRING = SigningKey("retiring", new_private_key("ES256"))
ALL = (NEXT, ACTIVE, RETIRING)


def line(key: SigningKey, state: str = "") -> dict[str, Any]:
    """Publish a key."""
    return {"kid": key.kid, "state": state or key.kid, "alg": key.alg, "jwk": dict(key.jwk)}


MANIFEST = [line(key) for key in ALL]


def test_the_active_key_signs_new_tokens() -> None:
    """Not the next one, not the retiring one."""
    assert Keyring(ALL, MANIFEST).active() is ACTIVE


@pytest.mark.parametrize("key", ALL, ids=lambda key: key.kid)
def test_every_published_key_signs_again_what_it_signed(key: SigningKey) -> None:
    """A repeated request is answered by the key of the first time, whatever its state now."""
    assert Keyring(ALL, MANIFEST).by_id(key.kid) is key


@pytest.mark.parametrize("here", [(), (NEXT,), ALL])
def test_the_published_set_is_the_same_at_every_replica(here: tuple[SigningKey, ...]) -> None:
    """It follows from the manifest alone, whatever private halves are there."""
    assert Keyring(here, MANIFEST).jwks() == {"keys": [dict(key.jwk) for key in ALL]}


def test_i5_without_the_private_half_nothing_is_signed() -> None:
    """The message names the missing key."""
    ring = Keyring([NEXT], MANIFEST)
    with pytest.raises(UnavailableError, match="active"):
        ring.active()
    with pytest.raises(UnavailableError, match="retiring"):
        ring.by_id("retiring")


def test_i5_without_an_active_key_nothing_is_signed() -> None:
    """A next key does not step in by itself."""
    ring = Keyring(ALL, [line(NEXT), line(RETIRING)])
    with pytest.raises(UnavailableError, match="no signing key is active"):
        ring.active()


def test_a_key_that_left_the_manifest_signs_nothing() -> None:
    """Its file alone is not enough."""
    ring = Keyring(ALL, [line(ACTIVE)])
    with pytest.raises(UnavailableError, match="not in the manifest"):
        ring.by_id("retiring")
    assert ring.verifier("retiring") is None


def test_a_file_of_the_same_name_is_not_the_published_key() -> None:
    """Tokens signed by it would verify nowhere."""
    impostor = SigningKey("active", new_private_key("EdDSA"))
    with pytest.raises(UnavailableError, match="not the published one"):
        Keyring([impostor], MANIFEST).active()


def test_every_published_key_verifies() -> None:
    """Living tokens of a retiring key are still good."""
    ring = Keyring([], MANIFEST)
    for key in ALL:
        signing_input, _, signature = key.sign({"a": 1}).reveal().rpartition(".")
        verifier = ring.verifier(key.kid)
        assert verifier is not None
        assert len(signature) == 86
        assert verifier.key_id == key.kid
        assert not verifier.verifies(signing_input.encode(), b"x" * 64)


def test_the_keys_of_nonces_are_those_of_all_published_keys_the_active_first() -> None:
    """Derived from the private halves that are here, each its own; none is a private key."""
    keys = [SigningKey("k1", new_private_key("EdDSA")), SigningKey("k2", new_private_key("ES256"))]
    manifest = [
        {"kid": key.kid, "alg": key.alg, "state": state, "jwk": key.jwk}
        for key, state in zip(keys, ("retiring", "active"), strict=True)
    ]

    assert Keyring(keys, manifest).nonce_keys() == (keys[1].nonce_key, keys[0].nonce_key)
    assert Keyring(keys[:1], manifest).nonce_keys() == (keys[0].nonce_key,)
    assert Keyring((), manifest).nonce_keys() == ()
    assert len({key.nonce_key for key in keys}) == 2
    assert str(keys[0].nonce_key) not in repr(keys[0])
