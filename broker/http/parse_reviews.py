"""From an answer's body, and a list's filters, to what they mean."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from broker import text
from broker.errors import InvalidRequestError
from broker.http.wire_reviews import ReviewAnswerBody
from broker.reviewing import NewAnswer

FILTERS: Final = ("tenant", "state")
STATES: Final = ("open", "answered", "superseded")


def filters(found: Mapping[str, str]) -> dict[str, str]:
    """Read which reviews to list.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    which: dict[str, str] = {}
    if "tenant" in found:
        which["tenant"] = text.parse_name(found["tenant"], field="tenant")
    if "state" in found:
        if found["state"] not in STATES:
            raise InvalidRequestError(f"use one of: {', '.join(STATES)}", field="state")
        which["state"] = found["state"]
    return which


def answer(body: ReviewAnswerBody) -> NewAnswer:
    """Read an answer.

    Raises:
        InvalidRequestError: the reason is none.
    """
    return NewAnswer(
        agent=body.agent,
        packet=body.packet,
        verdict=body.verdict,
        reason=text.parse_reason(body.reason),
        ceiling=() if body.ceiling is UNSET else tuple(body.ceiling),
        review_by="" if body.review_by is UNSET else body.review_by,
    )
