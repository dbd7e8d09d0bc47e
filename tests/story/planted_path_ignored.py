"""A resource server that looks at a token's own task, and not at the tasks above it."""

import dataclasses

from broker.client import verifier
from broker.client.token import VerifiedToken, read_claims
from broker.dev.resource_server import main


def forget_ancestors(claims: dict[str, object], key_id: str) -> VerifiedToken:
    """Read the claims as if the task had no parent."""
    token = read_claims(claims, key_id)
    return dataclasses.replace(token, path=(token.task,))


verifier.read_claims = forget_ancestors

if __name__ == "__main__":
    main()
