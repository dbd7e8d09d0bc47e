"""The claims of our own access tokens (RFC 9068 §2.2), from plain values.

The order of the claims is part of the format: the same grant signed again gives the same bytes.
"""

from collections.abc import Sequence


def access_token_claims(  # noqa: PLR0913 - one argument for each claim
    *,
    issuer: str,
    audience: str,
    subject: str,
    client_id: str,
    jti: str,
    scopes: Sequence[str],
    issued_at_ms: int,
    expires_at_ms: int,
    task: str,
    path: Sequence[str],
    agent: str,
    instance: str,
    capability: str,
    tenant: str,
    evidence_issuer: str,
    actors: Sequence[str],
) -> dict[str, object]:
    """Build the claims; ``docs/architecture.md``, "Access token", says what each means.

    Instants are what the ledger answered. ``exp`` is rounded down, so that no token outlives its
    lease. ``actors`` are the agents from the root task's to the current one.

    Raises:
        ValueError: there is no actor.
    """
    return {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "exp": expires_at_ms // 1000,
        "iat": issued_at_ms // 1000,
        "jti": jti,
        "client_id": client_id,
        "scope": " ".join(scopes),
        "task": task,
        "path": list(path),
        "agent": agent,
        "instance": instance,
        "capability": capability,
        "tenant": tenant,
        "evidence_issuer": evidence_issuer,
        "act": actor_chain(actors),
        "iat_ms": issued_at_ms,
    }


def actor_chain(actors: Sequence[str]) -> dict[str, object]:
    """Nest the agents as RFC 8693 §4.1 does: outermost the current one, inside it who came before.

    Raises:
        ValueError: there is no actor.
    """
    if not actors:
        raise ValueError("a token has at least one actor")
    chain: dict[str, object] = {}
    for agent in actors:
        chain = {"sub": f"agent:{agent}", "act": chain} if chain else {"sub": f"agent:{agent}"}
    return chain
