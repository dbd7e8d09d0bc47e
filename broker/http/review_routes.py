"""What owners are asked about their agents, and what they answer."""

from aiohttp import web

from broker.http import parse, parse_reviews, query, render, render_reviews
from broker.http.bodies import Bodies
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.services import Services
from broker.http.table import Table
from broker.http.wire_reviews import ReviewAnswerBody
from broker.ids import ReviewId, parse_review_id


class ReviewRoutes:
    """``/v1/reviews…``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._reviews = services.reviews
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.read("/v1/reviews", self.find, *parse_reviews.FILTERS, *query.PAGE)
        table.read("/v1/reviews/{review}", self.show)
        table.read("/v1/reviews/{review}/agents", self.page, *query.PAGE)
        table.change("/v1/reviews/{review}/answers", self.answer)

    async def find(self, request: web.Request) -> web.Response:
        """List reviews."""
        window, which = query.window(request), parse_reviews.filters(request[QUERY])
        page = await self._reviews.find(request[PRINCIPAL], window.cursor, window.limit, **which)
        following = render.next_link("/v1/reviews", page.cursor, window)
        shown = [render_reviews.review(each) for each in page.reviews]
        return render.reply(render.listing("reviews", shown, following))

    async def show(self, request: web.Request) -> web.Response:
        """Show a review."""
        found = await self._reviews.show(request[PRINCIPAL], _review(request))
        return render.reply(render_reviews.review(found))

    async def page(self, request: web.Request) -> web.Response:
        """Show some of its agents."""
        review, window = _review(request), query.window(request)
        page = await self._reviews.page(request[PRINCIPAL], review, window.cursor, window.limit)
        following = render.next_link(f"/v1/reviews/{review}/agents", page.cursor, window)
        shown = [render_reviews.reviewed(each) for each in page.agents]
        return render.reply(render.listing("agents", shown, following))

    async def answer(self, request: web.Request) -> web.Response:
        """Take an answer: the same one again is the same, so a key does nothing more."""
        parse.idempotency_key(request.headers.get("Idempotency-Key"))
        review = _review(request)
        body = await self._bodies.json(request, ReviewAnswerBody)
        told = await self._reviews.answer(request[PRINCIPAL], review, parse_reviews.answer(body))
        return render.reply(render_reviews.reviewed(told))


def _review(request: web.Request) -> ReviewId:
    return parse_review_id(request.match_info["review"])
