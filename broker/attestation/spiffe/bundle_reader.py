"""The succession of one trust domain's bundles: none is followed by an older one."""

from collections.abc import Collection

from broker.attestation.keyset import UnusableKeySetError
from broker.attestation.spiffe.bundle import Bundle, parse_bundle


class BundleReader:
    """Reads the documents of one trust domain, one after the other, and knows the last it took."""

    def __init__(self, algorithms: Collection[str]) -> None:
        self._algorithms = algorithms
        self.bundle: Bundle | None = None

    def read(self, document: bytes) -> Bundle:
        """Read the next document.

        Raises:
            UnusableKeySetError: it is no bundle, or an older one than the last (§4.1.1): whoever
                replays it would bring back an authority that has been taken away (SP-6).
        """
        bundle = self.parse(document)
        self._refuse_older(bundle.sequence)
        self.bundle = bundle
        return bundle

    def parse(self, document: bytes) -> Bundle:
        """Read a document that does not count among them.

        Raises:
            UnusableKeySetError: it is no bundle.
        """
        return parse_bundle(document, self._algorithms)

    def _refuse_older(self, sequence: int | None) -> None:
        held = None if self.bundle is None else self.bundle.sequence
        if held is None:
            return
        if sequence is None:
            raise UnusableKeySetError(f"spiffe_sequence is gone, it was {held}")
        if sequence < held:
            raise UnusableKeySetError(f"spiffe_sequence went back from {held} to {sequence}")
