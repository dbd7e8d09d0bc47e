"""The names of the keys of reviews (``docs/architecture.md``)."""

from dataclasses import dataclass

from broker.ids import ReviewId


@dataclass(frozen=True, slots=True)
class ReviewKeys:
    """The keys of reviews: in bucket 00, with the facts that their answers change."""

    prefix: str

    @property
    def index(self) -> str:
        """All reviews, by when they were started; no two at the same time."""
        return self.prefix + "rv:*"

    @property
    def open(self) -> str:
        """The newest review of each tenant and owner."""
        return self.prefix + "rv:open"

    def review(self, review: ReviewId) -> str:
        """One review: what holds for its packet, its answers and what came of them."""
        return f"{self.prefix}rv:{review}"

    def pieces(self, review: ReviewId) -> str:
        """The agents of its packet, in pieces."""
        return f"{self.prefix}rp:{review}"
