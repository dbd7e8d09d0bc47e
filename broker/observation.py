"""What attestation reports, as log lines."""

from collections.abc import Sequence

import structlog

from broker.attestation.keyset import SkippedKey

_log = structlog.get_logger(__name__)


class LoggingObserver:
    """Writes what happens to issuers and their keys to the log."""

    def unknown_claim(self, issuer: str, claim: str) -> None:
        """Report a claim that no list of the declaration names."""
        _log.warning("attestation-unknown-claim", issuer=issuer, claim=claim)

    def keys_changed(
        self, issuer: str, key_ids: Sequence[str], skipped: Sequence[SkippedKey]
    ) -> None:
        """Report a new key set."""
        _log.info(
            "attestation-keys-changed",
            issuer=issuer,
            keys=list(key_ids),
            skipped=[str(key) for key in skipped],
        )

    def keys_unreachable(self, issuer: str, why: str) -> None:
        """Report that keys could not be fetched."""
        _log.warning("attestation-keys-unreachable", issuer=issuer, why=why)
