"""A set of verification keys, read from a JWK Set (RFC 7517 §5). Immutable.

- A bad member costs itself, never the set (B10).
- A name that two members bear names neither: nobody can say which of them was meant.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker import strict_json
from broker.attestation.jwk import VerificationKey, key_id_of, read_jwk
from broker.errors import InvalidRequestError
from broker.proof.public_jwk import UnfitJwkError

MAX_DOCUMENT_BYTES: Final = 256 * 1024
MAX_MEMBERS: Final = 256
"""Reading a member costs up to 0.1 ms, and all of them are read in one go."""


class UnusableKeySetError(ValueError):
    """The document as a whole is no key set; the text says why."""


@dataclass(frozen=True, slots=True)
class SkippedKey:
    """A member that was left out. ``key_id`` is empty when it has no usable name."""

    key_id: str
    why: str


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys by name, and what was left out.

    ``refresh_ms`` is how soon its issuer asks to be looked at again; 0 when it does not say.
    """

    keys: Mapping[str, VerificationKey]
    skipped: tuple[SkippedKey, ...] = ()
    refresh_ms: int = 0


def parse_key_set(document: bytes, algorithms: Collection[str]) -> KeySet:
    """Read a JWK Set.

    ``"keys": []`` is a set without keys: its issuer has revoked all of them. A document whose
    members are all unfit is a mistake, not a revocation.

    Raises:
        UnusableKeySetError: it is no JWK Set, too large, or none of its members is fit.
    """
    members = members_of(read_object(document))
    key_set = read_members(members, algorithms)
    if members and not key_set.keys:
        raise none_fit(key_set.skipped)
    return key_set


def read_members(members: Sequence[object], algorithms: Collection[str]) -> KeySet:
    """Read each member by itself."""
    shared = {key_id for key_id, count in Counter(_names(members)).items() if count > 1}
    keys: dict[str, VerificationKey] = {}
    skipped: list[SkippedKey] = []
    for member in members:
        result = _read(member, algorithms, shared)
        if isinstance(result, SkippedKey):
            skipped.append(result)
        else:
            keys[result.key_id] = result
    return KeySet(keys, tuple(skipped))


def none_fit(skipped: Sequence[SkippedKey]) -> UnusableKeySetError:
    """Say that a set has members and no usable one: a mistake, not a revocation."""
    whys = ", ".join(sorted({member.why for member in skipped}))
    return UnusableKeySetError(f"none of its {len(skipped)} keys is fit: {whys}")


def read_object(document: bytes) -> dict[str, object]:
    """Read the document around the members.

    Raises:
        UnusableKeySetError: it is too large, or no strict JSON object.
    """
    try:
        return strict_json.loads_object(document, max_bytes=MAX_DOCUMENT_BYTES, field="key set")
    except InvalidRequestError as error:
        raise UnusableKeySetError(str(error)) from error


def members_of(value: Mapping[str, object]) -> list[object]:
    """Return the members.

    Raises:
        UnusableKeySetError: there is no list of them, or it is too long.
    """
    members = value.get("keys")
    if not isinstance(members, list):
        raise UnusableKeySetError('no list "keys"')
    if len(members) > MAX_MEMBERS:
        raise UnusableKeySetError(f"more than {MAX_MEMBERS} keys")
    return members


def _names(members: Sequence[object]) -> Iterator[str]:
    for member in members:
        try:
            yield key_id_of(member)
        except UnfitJwkError:
            continue


def _read(
    member: object, algorithms: Collection[str], shared: Collection[str]
) -> VerificationKey | SkippedKey:
    key_id = ""
    try:
        key_id = key_id_of(member)
        if key_id in shared:
            return SkippedKey(key_id, "kid borne by several members")
        return read_jwk(member, algorithms)
    except UnfitJwkError as error:
        return SkippedKey(key_id, str(error))
