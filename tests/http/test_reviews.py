"""Reviews through the edge: what is asked for, and what is read of an answer."""

from typing import Any

from aiohttp import ClientSession

from broker.reviewing import NewAnswer
from tests.fakes.review_verbs import PACKET, READ, REVIEW
from tests.fakes.services import Stage
from tests.http.shown import OPERATOR, call

BODY = {"agent": "invoice-bot", "packet": PACKET, "verdict": "narrow", "reason": "less will do"}


async def refused(
    client: ClientSession, method: str, path: str, body: object = None
) -> tuple[int, Any]:
    """Send a request that is refused; return status and problem."""
    async with client.request(method, path, headers=OPERATOR, json=body) as answer:
        return answer.status, await answer.json(content_type="application/problem+json")


async def test_reviews_are_asked_for_and_the_list_goes_on(
    client: ClientSession, stage: Stage
) -> None:
    """Filters reach the verb, and the address of the next page keeps them."""
    path = "/v1/reviews?tenant=acme&state=open&limit=1"

    status, shown, _ = await call(client, "GET", path, OPERATOR)

    assert (status, shown["reviews"][0]["id"]) == (200, REVIEW)
    assert stage.calls[0].arguments == ("", 1, "acme", "open")
    assert (await call(client, "GET", shown["next"], OPERATOR))[0] == 200
    assert stage.calls[-1].arguments == ("1800000000000", 1, "acme", "open")


async def test_an_answer_is_read_into_what_it_means(client: ClientSession, stage: Stage) -> None:
    """With the packet that it is bound to."""
    path = f"/v1/reviews/{REVIEW}/answers"

    status, shown, _ = await call(client, "POST", path, OPERATOR, {**BODY, "ceiling": [READ]})

    assert (status, shown["answer"]["by"]) == (200, "person:dana")
    new = NewAnswer("invoice-bot", PACKET, "narrow", "less will do", (READ,))
    assert stage.calls[0].arguments == (REVIEW, new)


async def test_what_is_no_answer_is_refused_by_its_member(client: ClientSession) -> None:
    """Before anybody is asked."""
    path = f"/v1/reviews/{REVIEW}/answers"
    for wrong, field in (
        ({"verdict": "widen"}, "verdict"),
        ({"packet": "short"}, "packet"),
        ({"ceiling": ["orders-api"]}, "ceiling[0]"),
        ({"review_by": "soon"}, "review_by"),
        ({"agent": "a b"}, "agent"),
        ({"reason": "a\u200bb"}, "reason"),
        ({"more": 1}, "more"),
    ):
        status, problem = await refused(client, "POST", path, {**BODY, **wrong})
        assert (status, problem["field"]) == (400, field), wrong
    for query in ("?state=lost", "?tenant=", "?owner=x"):
        status, _ = await refused(client, "GET", f"/v1/reviews{query}")
        assert status == 400, query
