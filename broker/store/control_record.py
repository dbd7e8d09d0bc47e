"""The control record as values: what every broker of an installation must agree on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from broker.ids import RevocationId
from broker.store import codec

SCHEMA: Final = 1
"""Version of the ledger's own format."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One of our signing keys as resource servers see it. ``state``: next, active or retiring.

    ``since_ms`` is when it came into this state, by the ledger's clock; ``longest_ms`` how long any
    token that it signed may live (0 while it has signed none).
    """

    kid: str
    alg: str
    state: str
    jwk: Mapping[str, str]
    since_ms: int = 0
    longest_ms: int = 0


@dataclass(frozen=True, slots=True)
class GoneKey:
    """A key that is published no more. ``how``: retired, or revoked because it was stolen."""

    kid: str
    how: str
    at_ms: int
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What was done to the keys last: the step, the key it was about, who did it and why."""

    step: str
    kid: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """One revision: what was published, by whom, when, why, and of which earlier one it is a copy.

    ``size`` is the bundle's length in bytes; ``rollback_of`` 0 means that it came from files;
    ``longest_ms`` is how long a token may live by it.
    """

    revision: int
    digest: str
    by: str
    reason: str
    at_ms: int
    size: int
    rollback_of: int = 0
    longest_ms: int = 0


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why this ledger is not trusted: it went back. ``order`` cuts all that it ever held."""

    why: str
    at_ms: int
    order: RevocationId


@dataclass(frozen=True, slots=True)
class ControlRecord:
    """The record as it stands. ``revision`` 0 means that nothing was published yet.

    ``manifest`` numbers the states of ``keys``: 0 is before the first. ``now_ms`` is when it was
    read, by the clock of its server.
    """

    version: int
    epoch: str
    schema: int
    buckets: int
    revision: int
    digest: str
    keys: tuple[PublicKey, ...]
    manifest: int = 0
    gone: tuple[GoneKey, ...] = ()
    published: Publication | None = None
    changed: KeyChange | None = None
    suspicion: Suspicion | None = None
    now_ms: int = field(default=0, compare=False)

    def key(self, state: str) -> PublicKey | None:
        """Return the published key that is in a state; of several, the first."""
        return next((key for key in self.keys if key.state == state), None)


def read_record(fields: Mapping[str, str], now_ms: int) -> ControlRecord:
    """Read the record from its fields.

    Raises:
        UnreadableRecordError: it is none of ours.
    """
    with codec.reading("the control record"):
        return ControlRecord(
            version=int(fields["version"]),
            epoch=fields["epoch"],
            schema=int(fields["schema"]),
            buckets=int(fields["buckets"]),
            revision=int(fields.get("revision", 0)),
            digest=fields.get("digest", ""),
            keys=_decoded(fields, "keys", tuple[PublicKey, ...]) or (),
            manifest=int(fields.get("manifest", 0)),
            gone=_decoded(fields, "gone", tuple[GoneKey, ...]) or (),
            published=_decoded(fields, "published", Publication),
            changed=_decoded(fields, "changed", KeyChange),
            suspicion=_decoded(fields, "suspicion", Suspicion),
            now_ms=now_ms,
        )


def _decoded(fields: Mapping[str, str], name: str, kind: type[codec.T]) -> codec.T | None:
    return msgspec.json.decode(fields[name], type=kind) if fields.get(name) else None
