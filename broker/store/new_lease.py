"""What granting and renewing write down of a lease."""

import msgspec

from broker.model.approval import Use
from broker.model.lease import LeaseSpec, LeaseState


class NewLease(msgspec.Struct, frozen=True):
    """What granting writes. Times are bounds: the script takes the nearest of all.

    ``facts`` (the bundle's revision), ``graph`` (that of the facts log) and ``manifest`` are what
    the decision and the signing key are of: the ledger refuses what is older than it knows of.
    """

    spec: LeaseSpec
    state: LeaseState
    ttl_ms: int
    max_ttl_ms: int
    evidence_exp_ms: int
    facts: int
    key: str
    digest: str
    manifest: int = 0
    graph: int = 0
    minting_ms: int = 0
    """With a target: how long minting may take before nobody knows what exists there."""
    asked: str = ""
    """What was asked, as JSON: it is kept beside the lease, and told to nobody."""
    until_ms: int = 0
    """When time alone may change the answer; 0: never."""
    use: Use | None = None
    """The approval that this uses up: without it nothing is granted."""


class Renewal(msgspec.Struct, frozen=True):
    """What renewing needs besides the lease."""

    ttl_ms: int
    evidence_exp_ms: int
    facts: int
    key: str
    digest: str
    key_id: str
    manifest: int = 0
    graph: int = 0
    minting_ms: int = 0
    """With a target: for how long the one renewal that it is asked for may be under way."""
    asked: str = ""
    until_ms: int = 0
