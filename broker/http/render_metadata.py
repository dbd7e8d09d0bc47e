"""What we say of ourselves to the OAuth world."""

from broker.proof.dpop import PROOF_ALGORITHMS
from broker.signing.key import SIGNING_ALGORITHMS

Json = dict[str, object]


def metadata(issuer: str) -> Json:
    """Describe ourselves (RFC 8414 §2).

    ``response_types_supported`` is required, and nobody authorizes in a browser here: ``none``.
    ``grant_types_supported`` would default to grants that we do not have.
    """
    base = issuer.rstrip("/")
    return {
        "issuer": issuer,
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "introspection_endpoint": f"{base}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ["Bearer"],
        "response_types_supported": ["none"],
        "grant_types_supported": ["https://jit-broker.example/grants/task-credential"],
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
    }


def authzen(issuer: str) -> Json:
    """Describe where others ask what we would decide (OpenID AuthZEN 1.0 §9)."""
    base = issuer.rstrip("/")
    return {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
    }


def discovery(issuer: str) -> Json:
    """Describe the tokens by which we log in at targets (OpenID Connect Discovery 1.0 §3).

    As Kubernetes does: nobody logs in *here*, so there is no authorization endpoint.
    """
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer.rstrip('/')}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "claims_supported": ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"],
    }
