"""What attestation tells those who watch: for logs, audit and metrics. It decides nothing."""

from collections.abc import Sequence
from typing import Protocol

from broker.attestation.keyset import SkippedKey


class Observer(Protocol):
    """Called in the middle of things: answer at once and never raise.

    Issuers are named by their declaration. Every word is checked and bounded before it comes here.
    """

    def unknown_claim(self, issuer: str, claim: str) -> None:
        """Report a claim that the issuer's declaration does not mention: once per name."""
        ...

    def keys_changed(
        self, issuer: str, key_ids: Sequence[str], skipped: Sequence[SkippedKey]
    ) -> None:
        """Report a new key set: who is in it, and which members were left out and why."""
        ...

    def keys_unreachable(self, issuer: str, why: str) -> None:
        """Report that a look for the keys brought none; the last good set goes on for a while."""
        ...
