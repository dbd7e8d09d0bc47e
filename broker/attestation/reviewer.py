"""Asking the issuer itself about a token that is good by everything that it says."""

from typing import Protocol

from broker.attestation.claims import SignedClaims
from broker.attestation.compact import UnverifiedToken


class Reviewer(Protocol):
    """Who knows what a signature cannot say: that the bearer still exists."""

    async def review(self, token: UnverifiedToken, claims: SignedClaims) -> None:
        """Return when the token stands. Called at most once in a few seconds for one token.

        Raises:
            AttestationError: ``review-refused``: it does not.
            KeySetUnavailableError: ``review-unavailable``: nobody says so or otherwise.
        """
        ...
