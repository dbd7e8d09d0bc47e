"""Why a credential was granted, and whether it would be now."""

from typing import Final

from broker.http.contract.operation import Answer, Operation
from broker.http.contract.parts import COUNT, FLAG, LEASE_ID, MAYBE_INSTANT, OPEN_GLASS, STRING
from broker.http.contract.schema import described, nullable, record, ref, words
from broker.model.lease import LeaseState

SCHEMAS: Final = {
    "GrantExplanation": record(
        {
            "credential": LEASE_ID,
            "tenant": STRING,
            "state": words(*LeaseState),
            "alive": FLAG,
            "ended_by": described(STRING, "Empty while it has not ended."),
            "trace": described(ref("Trace"), "By what it was granted."),
            "request": described(
                {"type": "object"}, "What was asked; of a renewed one, by its last renewal."
            ),
            "used": described(
                record({"seen_at": MAYBE_INSTANT, "said_times": COUNT, "said_at": MAYBE_INSTANT}),
                "When a resource server was first told that it is alive, and how often it was used "
                "as the agent's own side says; nothing is no sign that it was not.",
            ),
            "explained_at_revision": COUNT,
            "explained_at_facts_revision": COUNT,
            "granted_now": described(FLAG, "Whether it would be granted what it was given."),
            "no_longer": described(nullable(ref("NoLonger")), "Why not."),
            "explanation": described(
                nullable(ref("Explanation")),
                "What policy says of the request now; null when it can no longer be put.",
            ),
            "counterfactuals": described(
                nullable(ref("Counterfactuals")), "Where policy says no: what would turn that."
            ),
        },
        {"why": described(ref("NoLonger"), "Of one that ended because of it."), **OPEN_GLASS},
    ),
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/credentials/{credential}/explanation",
        name="explainCredential",
        summary="Show why a credential was granted, and whether it would be now",
        callers=("operator",),
        answers={200: Answer("What was decided then and would be now.", "GrantExplanation")},
        problems=("not-found", "access-denied"),
    ),
)
