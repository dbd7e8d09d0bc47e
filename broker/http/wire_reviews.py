"""The body of an answer, as a shape."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from broker.facts.fields import MAX_CEILING
from broker.http.wire import Body, Reason
from broker.http.wire_facts import CeilingLine, Digest
from broker.model.fact import NAME_PATTERN

AgentName = Annotated[str, Meta(pattern=rf"\A{NAME_PATTERN}\Z")]
Day = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]


class ReviewAnswerBody(Body):
    """``POST /v1/reviews/{review}/answers``."""

    agent: AgentName
    packet: Digest
    verdict: Literal["keep", "narrow", "revoke"]
    reason: Reason
    ceiling: Annotated[list[CeilingLine], Meta(max_length=MAX_CEILING)] | UnsetType = UNSET
    review_by: Day | UnsetType = UNSET
