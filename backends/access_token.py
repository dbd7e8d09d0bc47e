"""What our own access tokens state: the one kind of credential without a target."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

Claims: TypeAlias = dict[str, object]


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """What one access token states. Instants are what the ledger answered, in milliseconds.

    ``actors`` are the agents from the root task's to the current one, ``path`` the task ids from
    the root to ``task``.
    """

    issuer: str
    audience: str
    subject: str
    client_id: str
    jti: str
    scopes: Sequence[str]
    issued_at_ms: int
    expires_at_ms: int
    task: str
    path: Sequence[str]
    agent: str
    instance: str
    capability: str
    tenant: str
    evidence_issuer: str
    actors: Sequence[str]
    confirmation: Mapping[str, str] | None = None
    """RFC 7800 ``cnf``: the key that the token is bound to, if any."""


ClaimsOf: TypeAlias = Callable[[AccessToken], Claims]
"""Writes the claims down. The same token gives the same claims in the same order, every time."""


def actor_chain(actors: Sequence[str]) -> Claims:
    """Nest the agents as RFC 8693 §4.1 does: outermost the current one, inside it who came before.

    Raises:
        ValueError: there is no actor.
    """
    if not actors:
        raise ValueError("a token has at least one actor")
    chain: Claims = {}
    for agent in actors:
        chain = {"sub": f"agent:{agent}", "act": chain} if chain else {"sub": f"agent:{agent}"}
    return chain
