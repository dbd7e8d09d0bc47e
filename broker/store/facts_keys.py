"""The names of the keys of the facts log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactsKeys:
    """The keys of the facts log: in bucket 00, so that a change and its event are one script."""

    prefix: str

    @property
    def head(self) -> str:
        """Its newest revision, and where its newest snapshot is."""
        return self.prefix + "facts:head"

    @property
    def log(self) -> str:
        """The revisions."""
        return self.prefix + "facts:log"

    @property
    def bodies(self) -> str:
        """The digests of revisions too large for the log itself, by revision."""
        return self.prefix + "facts:bodies"

    def body(self, digest: str) -> str:
        """What a large revision says, in pieces, under the digest of that."""
        return f"{self.prefix}facts:body:{digest}"

    def snapshot(self, operation: str) -> str:
        """Everything as of one revision, in pieces."""
        return f"{self.prefix}facts:snapshot:{operation}"
