"""The agents of an operator's tenants, and what is live of each."""

from typing import Final

from broker.governance.records import Risk, Status
from broker.http.contract.fact_routes import HOLD
from broker.http.contract.operation import Answer, Operation
from broker.http.contract.parts import (
    COUNT,
    FLAG,
    GLOB,
    MAYBE_INSTANT,
    NAME,
    OPEN_GLASS,
    PAGE,
    STRING,
)
from broker.http.contract.schema import Schema, array, described, form, paged, record, ref, words
from broker.model.fact import NAME_PATTERN

_STATUS: Final = words(*Status)

_AGENT: Final[dict[str, Schema]] = {
    "name": form(f"^{NAME_PATTERN}$", "invoice-bot"),
    "tenant": NAME,
    "source": described(STRING, "Who declares it: `bundle` is agents.yaml, empty is by hand."),
    "owner": described(STRING, "Who answers for it."),
    "purpose": STRING,
    "teams": array(STRING),
    "status": _STATUS,
    "hold": described(HOLD, "Why it gets nothing whatever its status; null is no hold."),
    "risk": described(words("", *Risk), "Empty while nobody has judged it."),
    "review_by": described(STRING, "The last day (UTC) it is in order; empty is for ever."),
    "review_overdue": described(FLAG, "Whether that day is over: then it gets nothing."),
    "ceiling": described(
        array(STRING), "CAPABILITY SCOPE: all it may be granted; empty is no bound."
    ),
    "quota": described(
        record({"limit": COUNT, "in_use": COUNT}), "Live credentials at one time, and now."
    ),
}

SCHEMAS: Final = {
    "Agent": record(_AGENT, OPEN_GLASS),
    "AgentPage": paged("agents", ref("Agent")),
    "AgentView": record(
        {
            **_AGENT,
            "tasks": record(
                {
                    "open": COUNT,
                    "complete": described(FLAG, "Whether all of them were counted."),
                    "first": array(ref("Task")),
                    "all": described(STRING, "Where all of them are listed."),
                }
            ),
            "credentials": record(
                {
                    "live": COUNT,
                    "complete": described(FLAG, "Whether all of them were counted."),
                    "capabilities": {"type": "object", "additionalProperties": COUNT},
                    "next_expiry": MAYBE_INSTANT,
                    "last_issued_at": MAYBE_INSTANT,
                }
            ),
            "cuts": array(ref("Cut")),
        },
        OPEN_GLASS,
    ),
}

_OPERATOR: Final = ("operator",)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/agents",
        name="listAgents",
        summary="List the registered agents of the caller's tenants",
        callers=_OPERATOR,
        query={"tenant": NAME, "status": _STATUS, "team": NAME, "name": GLOB, **PAGE},
        answers={200: Answer("One page.", "AgentPage")},
        problems=("access-denied",),
    ),
    Operation(
        method="GET",
        path="/v1/agents/{agent}",
        name="showAgent",
        summary="Show an agent, and what is live of it",
        callers=_OPERATOR,
        answers={200: Answer("The agent.", "AgentView")},
        problems=("access-denied", "not-found"),
    ),
)
