"""The claims of our own access tokens (RFC 9068 §2.2), from plain values.

The order of the claims is part of the format: the same grant signed again gives the same bytes.
"""

from backends.access_token import AccessToken, Claims, actor_chain


def access_token_claims(token: AccessToken) -> Claims:
    """Build the claims; ``docs/architecture.md``, "Access token", says what each means.

    ``exp`` is rounded down, so that no token outlives its lease.

    Raises:
        ValueError: there is no actor.
    """
    claims: Claims = {
        "iss": token.issuer,
        "sub": token.subject,
        "aud": token.audience,
        "exp": token.expires_at_ms // 1000,
        "iat": token.issued_at_ms // 1000,
        "jti": token.jti,
        "client_id": token.client_id,
        "scope": " ".join(token.scopes),
        "task": token.task,
        "path": list(token.path),
        "agent": token.agent,
        "instance": token.instance,
        "capability": token.capability,
        "tenant": token.tenant,
        "evidence_issuer": token.evidence_issuer,
        "act": actor_chain(token.actors),
        "iat_ms": token.issued_at_ms,
    }
    if token.confirmation is not None:
        claims["cnf"] = dict(token.confirmation)
    return claims
