"""What is put before an owner: one packet, which never changes, under one digest.

The suggestion keeps what was seen in use, and what nobody could have seen: that a feed or offline
verifier tells of no use is no evidence that there was none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from broker.facts.facts import Facts
from broker.facts.owners import owner_of
from broker.model.capability import Capability, CheckMode, ResourceServer
from broker.model.fact import Thing
from broker.reviews.rights import Rights
from broker.reviews.trails import Evidence
from broker.reviews.usage import OTHERS, Usage

FORMAT: Final = 1

Verdict = Literal["keep", "narrow", "revoke"]


class Suggestion(msgspec.Struct, frozen=True):
    """What the evidence speaks for; with ``narrow`` the ceiling that would be left."""

    verdict: Verdict
    ceiling: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One agent in a packet.

    ``unused`` was granted, and would have been seen in use; ``unknown`` was granted where nobody
    tells of use; ``never`` could be granted and never was.
    """

    agent: str
    source: str
    status: str
    held: bool
    purpose: str
    risk: str
    review_by: str
    ceiling: tuple[str, ...]
    rights: Rights
    usage: Usage
    unused: tuple[str, ...]
    unknown: tuple[str, ...]
    never: tuple[str, ...]
    suggestion: Suggestion


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a whole packet. ``owner`` answers for its agents.

    ``registered`` says that the owner is a person or a team that the facts know; for anybody else
    an operator of the tenant has to answer.
    """

    tenant: str
    owner: str
    registered: bool
    due: str
    next_review: str
    reason: str
    by: str
    since: str
    until: str
    evidence: Evidence
    bundle: int
    bundle_digest: str
    facts: int
    agents: int
    format: int = FORMAT


def encode(value: Header | Entry) -> bytes:
    """Write a part of a packet in the one way in which it is written."""
    return msgspec.json.encode(value, order="deterministic")


def digest_of(header: bytes, entries: Sequence[bytes]) -> str:
    """Return the digest that answers are bound to."""
    whole = hashlib.sha256(header)
    for entry in entries:
        whole.update(hashlib.sha256(entry).digest())
    return whole.hexdigest()


def owner_label(agent: Thing, facts: Facts) -> tuple[str, bool]:
    """Name who answers for an agent, and say whether the facts know that person or team."""
    ref = owner_of(agent)
    if ref is not None and facts.thing(ref) is not None:
        return str(ref), True
    return agent.owner, False


def entry_of(
    agent: Thing,
    rights: Rights,
    usage: Usage,
    capabilities: Mapping[str, Capability],
    servers: Mapping[str, ResourceServer],
) -> Entry:
    """Put together what is told of one agent."""
    granted = {line for line in usage.granted if line != OTHERS}
    seen = {line for line in granted if _is_seen(line, capabilities, servers)}
    unused = {line for line in seen if line not in usage.used}
    may = {*rights.possible, *rights.after_approval}
    return Entry(
        agent=agent.name,
        source=agent.source,
        status=agent.status,
        held=agent.hold is not None,
        purpose=agent.purpose,
        risk=agent.risk,
        review_by=agent.review_by,
        ceiling=agent.ceiling,
        rights=rights,
        usage=usage,
        unused=tuple(sorted(unused)),
        unknown=tuple(sorted(granted - seen - set(usage.used))),
        never=tuple(sorted(may - granted)),
        suggestion=suggestion(agent, rights, usage, granted - unused),
    )


def suggestion(agent: Thing, rights: Rights, usage: Usage, kept: set[str]) -> Suggestion:
    """Say what the evidence speaks for. Where not all of it was counted, it speaks for nothing."""
    if OTHERS in usage.granted or OTHERS in usage.used:
        return Suggestion("keep")
    bound = set(agent.ceiling) or {*rights.possible, *rights.after_approval, *usage.granted}
    left = kept & bound
    if not left:
        return Suggestion("keep" if agent.hold is not None else "revoke")
    if left == bound:
        return Suggestion("keep")
    return Suggestion("narrow", tuple(sorted(left)))


def _is_seen(
    line: str, capabilities: Mapping[str, Capability], servers: Mapping[str, ResourceServer]
) -> bool:
    """Tell whether use of a line is told: by a resource server that asks about each token."""
    capability = capabilities.get(line.partition(" ")[0])
    if capability is None or capability.target:
        return False
    server = servers.get(capability.audience)
    return server is not None and server.check is CheckMode.INTROSPECT
