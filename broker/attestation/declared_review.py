"""That a Kubernetes API server is asked about each token, and how it is reached."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from broker.attestation.key_url import url_fault
from broker.settings.fault import Fault

_MAX_TIMEOUT = 30
"""Seconds. A caller waits no longer for an answer itself."""


class TokenReviewDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ask the API server at ``url`` (``https://host:port``) with ``TokenReview``.

    A signature says nothing of a pod that was deleted; the API server does, within the few seconds
    for which a verified token is remembered. ``token_file`` is the broker's own service-account
    token; it needs the right to create ``tokenreviews``. When the API server does not answer,
    tokens are refused.
    """

    url: str
    token_file: Path
    ca_file: Path | None = None
    timeout_seconds: int = 3

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        if (fault := url_fault(self.url)) is not None:
            yield Fault(("url",), *fault)
        if not 1 <= self.timeout_seconds <= _MAX_TIMEOUT:
            yield Fault(("timeout_seconds",), "is out of bounds", f"give 1 to {_MAX_TIMEOUT}")
