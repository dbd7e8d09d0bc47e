"""The platforms that the throw-away issuer plays besides being itself, and their tokens' claims.

Each is an issuer of its own, below the throw-away one's URL, with tokens as the platform makes
them: nested claims, ids as text. The playground trusts them through the presets of the same name,
as a real installation would.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

AUDIENCE: Final = "jit-broker"
NAMESPACE: Final = "payments"
REPOSITORY_ID: Final = "700123"

REALMS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "cluster": {
            "preset": "kubernetes",
            "claims": {"verified": {"/kubernetes.io/namespace": NAMESPACE}},
        },
        "ci": {
            "preset": "github-actions",
            "claims": {"verified": {"ref": "refs/heads/main"}},
            "map": {"name": {"claim": "repository_id", "values": {REPOSITORY_ID: "invoice-bot"}}},
        },
    }
)
"""By the path below the issuer's URL: what the playground's ``issuers.yaml`` says of it."""

TRUST_DOMAIN: Final = "dev.example"
"""The trust domain that it plays too: its JWT-SVIDs name no issuer, so it is no realm."""

SPIFFE: Final = "spiffe"
"""Where its bundle and its JWT-SVIDs are had, below the issuer's URL."""


def trust_domain(issuer: str, algorithm: str) -> dict[str, Any]:
    """Return the stanza that trusts the trust domain of a throw-away issuer."""
    return {
        "name": "spire",
        "trust_domain": TRUST_DOMAIN,
        "audience": AUDIENCE,
        "algorithms": [algorithm],
        "bundle": {"url": f"{issuer}/{SPIFFE}/bundle"},
        "map": [{"path": "/agents/{name}/{instance}", "tenant": "acme"}],
    }


def stanzas(issuer: str, algorithm: str) -> list[dict[str, Any]]:
    """Return the stanzas that trust the platforms of a throw-away issuer."""
    return [
        {
            "name": realm,
            **said,
            "issuer": f"{issuer}/{realm}",
            "audience": AUDIENCE,
            "algorithms": [algorithm],
        }
        for realm, said in REALMS.items()
    ]


def pod_claims(namespace: str, account: str, uid: str) -> dict[str, Any]:
    """Say what a projected service-account token says of a pod."""
    return {
        "sub": f"system:serviceaccount:{namespace}:{account}",
        "kubernetes.io": {
            "namespace": namespace,
            "node": {"name": "node-1", "uid": str(uuid5(NAMESPACE_URL, "node-1"))},
            "pod": {"name": f"{account}-{uid[:5]}", "uid": uid},
            "serviceaccount": {
                "name": account,
                "uid": str(uuid5(NAMESPACE_URL, f"{namespace}/{account}")),
            },
        },
    }


def job_claims(owner: str, repository: str, run: str) -> dict[str, Any]:
    """Say what the token of a workflow's job says, its subject in the immutable form."""
    whole = f"{owner}/{repository}"
    workflow = f"{whole}/.github/workflows/bill.yml@refs/heads/main"
    return {
        "sub": f"repo:{owner}@42/{repository}@{REPOSITORY_ID}:ref:refs/heads/main",
        "repository": whole,
        "repository_id": REPOSITORY_ID,
        "repository_owner": owner,
        "repository_owner_id": "42",
        "ref": "refs/heads/main",
        "event_name": "push",
        "workflow_ref": workflow,
        "job_workflow_ref": workflow,
        "runner_environment": "github-hosted",
        "run_id": run,
        "run_attempt": "1",
        "check_run_id": f"3{run}",
    }
