"""The feed to resource servers."""

from typing import Final

from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.schema import described, form, number, record, text

_SUBSCRIBER: Final = text(least=8, most=64, pattern="^[a-z0-9-]+$", example="orders-api-1")
_SEQ: Final = described(
    form("^(0|[1-9][0-9]{0,15})$", "0"), "The position after which the feed is to go on."
)
_EPOCH: Final = text(least=1, most=64, pattern="^[A-Za-z0-9_-]+$", example="e1")

SCHEMAS: Final = {
    "AckBody": record(
        {"subscriber": _SUBSCRIBER, "seq": number(0, 2**53 - 1)},
        {"epoch": text(most=64, pattern="^[A-Za-z0-9_-]*$", example="e1")},
    ),
}

_CALLERS: Final = ("resource",)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/feed",
        name="followFeed",
        summary="Follow what must be refused, as server-sent events",
        callers=_CALLERS,
        query={"subscriber": _SUBSCRIBER, "after": _SEQ, "epoch": _EPOCH},
        required_query=("subscriber",),
        headers={"Last-Event-ID": _SEQ},
        answers={
            200: Answer(
                "Snapshot, frames and keep-alives, until one of us goes.", media="text/event-stream"
            )
        },
        problems=("access-denied",),
    ),
    Operation(
        method="POST",
        path="/v1/feed/ack",
        name="acknowledgeFeed",
        summary="Say how far a subscriber has come",
        callers=_CALLERS,
        body=Body("AckBody", {"subscriber": "orders-api-1", "seq": 0}),
        answers={204: Answer("Noted.", media="")},
        problems=("access-denied", "not-found"),
    ),
)
