"""The verbs on reviews, as the edge calls them. ``broker.app`` hands the real ones in."""

from typing import Protocol

from broker.ids import ReviewId
from broker.model.principal import Principal
from broker.review_effects import Review
from broker.reviewing import NewAnswer, Reviewed, ReviewedPage, ReviewPage


class Reviews(Protocol):
    """:class:`broker.reviewing.Reviewing`."""

    async def find(
        self, caller: Principal, cursor: str, limit: int, *, tenant: str = "", state: str = ""
    ) -> ReviewPage:
        """Page through reviews."""
        ...

    async def show(self, caller: Principal, review: ReviewId) -> Review:
        """Show a review."""
        ...

    async def page(
        self, caller: Principal, review: ReviewId, cursor: str, limit: int
    ) -> ReviewedPage:
        """Page through its agents."""
        ...

    async def answer(self, caller: Principal, review: ReviewId, new: NewAnswer) -> Reviewed:
        """Take an answer."""
        ...
