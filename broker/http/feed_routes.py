"""``/v1/feed``: resource servers follow what must be refused, and say how far they have come."""

import re
from typing import Annotated, Final

from aiohttp import HttpVersion11, web
from msgspec import Meta

from broker.errors import InvalidRequestError
from broker.feed.hub import Hub, Resume
from broker.http import query
from broker.http.bodies import Bodies
from broker.http.feed_stream import HEADERS, FeedStream
from broker.http.keys import PRINCIPAL
from broker.http.limits import Limits
from broker.http.refusals import TooManyRequestsError
from broker.http.wire import Body

PATH: Final = "/v1/feed"
QUERY: Final = ("subscriber", "after", "epoch")
"""The query parameters of the feed."""

_LAST_EVENT_ID: Final = "Last-Event-ID"

_SUBSCRIBER: Final = re.compile(r"[a-z0-9-]{8,64}", re.ASCII)
_SEQ: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_EPOCH: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_LARGEST: Final = 2**53 - 1
"""Whole numbers beyond it are not the same everywhere."""


class AckBody(Body):
    """``POST /v1/feed/ack``. With ``epoch``, numbers of another one cannot be mistaken."""

    subscriber: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=0, le=_LARGEST)]
    epoch: Annotated[str, Meta(max_length=64)] = ""


def routes(hub: Hub, *, limits: Limits) -> list[web.RouteDef]:
    """List the feed's routes, for :attr:`broker.http.services.Services.extra_routes`."""
    feed = FeedRoutes(hub, Bodies(limits))
    return [
        web.get(PATH, feed.listen, allow_head=False),
        web.post(f"{PATH}/ack", feed.acknowledge),
    ]


class FeedRoutes:
    """The handlers."""

    def __init__(self, hub: Hub, bodies: Bodies) -> None:
        self._hub = hub
        self._bodies = bodies

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """Send the feed until the subscriber goes, falls behind, or its evidence expires."""
        if request.version != HttpVersion11 or request.body_exists:
            raise InvalidRequestError("the feed is for HTTP/1.1 requests without a body")
        found = query.parameters(request, QUERY)
        subscriber = _checked(_SUBSCRIBER, found.get("subscriber", ""), "subscriber")
        ticket = await self._hub.join(request[PRINCIPAL], subscriber, _resume(request, found))
        if ticket is None:
            raise TooManyRequestsError("this audience has as many subscribers as it may have")
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        await self._hub.serve(ticket, FeedStream(request, response))
        return response

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Note how far a subscriber has come."""
        query.parameters(request, ())
        body = await self._bodies.json(request, AckBody)
        subscriber = _checked(_SUBSCRIBER, body.subscriber, "subscriber")
        if body.epoch:
            _checked(_EPOCH, body.epoch, "epoch")
        await self._hub.acknowledge(request[PRINCIPAL], subscriber, body.seq, body.epoch)
        return web.Response(status=204)


def _resume(request: web.Request, found: dict[str, str]) -> Resume:
    """Read where the subscriber stands.

    ``Last-Event-ID`` goes before ``after``: an EventSource repeats its first URL for ever, and says
    in the header how far it has come since.
    """
    headers = request.headers.getall(_LAST_EVENT_ID, ())
    if len(headers) > 1:
        raise InvalidRequestError("send this header once", field=_LAST_EVENT_ID)
    field = _LAST_EVENT_ID if headers else "after"
    after = headers[0] if headers else found.get("after", "0")
    epoch = found.get("epoch", "")
    if epoch:
        _checked(_EPOCH, epoch, "epoch")
    return Resume(min(int(_checked(_SEQ, after, field)), _LARGEST), epoch)


def _checked(form: re.Pattern[str], given: str, field: str) -> str:
    if form.fullmatch(given) is None:
        raise InvalidRequestError(f"send {_FORMS[form]}", field=field)
    return given


_FORMS: Final = {
    _SUBSCRIBER: "8 to 64 of a-z, 0-9 and -",
    _SEQ: "a whole number that the feed has said",
    _EPOCH: "the epoch that the feed has said",
}
