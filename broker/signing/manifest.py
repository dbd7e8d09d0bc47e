"""The published signing keys, as the control record holds them: public halves and their states.

A key is ``next`` (published so that every verifier knows it before it signs), then ``active``
(signs), then ``retiring`` (no longer signs new tokens, still verifies the living ones), then gone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from broker.attestation.jwk import VerificationKey, read_jwk
from broker.errors import ConfigurationError
from broker.proof.public_jwk import UnfitJwkError
from broker.signing.key import SIGNING_ALGORITHMS

_PUBLIC_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "kid", "alg", "use"})


class KeyState(StrEnum):
    """What a published key is for now."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"


class _Entry(msgspec.Struct, frozen=True):
    """One line of the manifest as it is stored. Unknown members are a newer version's."""

    kid: str
    state: KeyState
    alg: str
    jwk: dict[str, str]


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One published key. ``jwk`` has its public members, its name and its algorithm, no others."""

    kid: str
    state: KeyState
    jwk: Mapping[str, str]
    verification: VerificationKey


def read_manifest(manifest: Iterable[Mapping[str, object]]) -> tuple[PublishedKey, ...]:
    """Read the manifest.

    Raises:
        ConfigurationError: a line is malformed, holds a private key or one that is not ours, two
            share a name, or more than one is active.
    """
    keys = tuple(_read(number, line) for number, line in enumerate(manifest, start=1))
    repeated = [kid for kid, count in Counter(key.kid for key in keys).items() if count > 1]
    if repeated:
        raise ConfigurationError(f"signing manifest: {', '.join(repeated)} published twice")
    if sum(key.state is KeyState.ACTIVE for key in keys) > 1:
        raise ConfigurationError("signing manifest: more than one key is active")
    return keys


def _read(number: int, line: Mapping[str, object]) -> PublishedKey:
    try:
        entry = msgspec.convert(line, _Entry)
        jwk = {**entry.jwk, "kid": entry.kid, "alg": entry.alg, "use": "sig"}
        verification = read_jwk(jwk, SIGNING_ALGORITHMS)
    except (msgspec.ValidationError, UnfitJwkError) as error:
        raise ConfigurationError(f"signing manifest, key {number}: {error}") from error
    public = {name: value for name, value in jwk.items() if name in _PUBLIC_MEMBERS}
    return PublishedKey(entry.kid, entry.state, public, verification)
