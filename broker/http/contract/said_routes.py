"""What agents say of the uses of their credentials."""

from typing import Final

from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    ASKED_INSTANT,
    COUNT,
    FLAG,
    INSTANT,
    LEASE_ID,
    MAYBE_INSTANT,
    STRING,
    TASK_ID,
)
from broker.http.contract.schema import (
    Schema,
    array,
    described,
    nullable,
    number,
    record,
    ref,
    text,
    words,
)
from broker.http.wire import MAX_WORD
from broker.use_words import (
    HOST,
    LABEL,
    METHOD,
    MOST_PORT,
    MOST_ROWS,
    MOST_STATUS,
    MOST_TIMES,
    MOST_UNTOLD,
    OUTCOMES,
    PROBLEM,
)

_OUTCOME: Final = described(
    words(*OUTCOMES),
    "`refused` by the proxy, `tunnelled`: passed on unseen, `cut`: its credential ended meanwhile.",
)


def _word(pattern: str, example: str) -> Schema:
    return text(most=MAX_WORD, pattern=f"^({pattern})?$", example=example)


_KIND: Final[dict[str, Schema]] = {
    "need": described(_word(LABEL, "orders-api"), "What the agent's side calls the credential."),
    "rule": _word(LABEL, "orders"),
    "method": _word(METHOD, "GET"),
    "host": _word(HOST, "api.example.com"),
    "port": number(0, MOST_PORT),
    "status": described(number(0, MOST_STATUS), "Of the answer; 0: there was none. Never 1 to 99."),
    "problem": described(_word(PROBLEM, "stray-stand-in"), "Why it was refused."),
    "masked": described(FLAG, "The answer held the credential, which the agent did not get."),
}

SCHEMAS: Final = {
    "SaidUseBody": record(
        {
            "outcome": _OUTCOME,
            "times": number(1, MOST_TIMES),
            "first_at": ASKED_INSTANT,
            "last_at": ASKED_INSTANT,
        },
        {"credential": nullable(LEASE_ID), **_KIND},
    ),
    "SayUsesBody": record(
        {
            "uses": array(
                ref("SaidUseBody"),
                least=1,
                most=MOST_ROWS,
            )
        },
        {
            "untold": described(
                number(0, MOST_UNTOLD), "How many exchanges more there were that nobody tells of."
            )
        },
    ),
    "SaidUses": described(
        record(
            {
                "task": TASK_ID,
                "said_by": described(words("agent"), "Whose word it is: nobody has checked it."),
                "said_at": MAYBE_INSTANT,
                "uses": array(ref("SaidUse")),
                "others": described(COUNT, "Exchanges of kinds beyond those that are kept."),
                "untold": COUNT,
            }
        ),
        "What an agent's side has said of the uses of its credentials; most frequent first.",
    ),
    "SaidUse": record(
        {
            "outcome": _OUTCOME,
            "credential": described(STRING, "Empty where none was used."),
            "capability": described(STRING, "The credential's, as the ledger knows it."),
            **dict.fromkeys(("need", "rule", "method", "host", "problem"), STRING),
            "port": COUNT,
            "status": COUNT,
            "masked": FLAG,
            "times": COUNT,
            "said_at": described(INSTANT, "When that was said last, by the ledger's clock."),
        }
    ),
}

_SAYING: Final = {
    "uses": [
        {
            "outcome": "answered",
            "times": 12,
            "first_at": "2027-01-15T08:00:00Z",
            "last_at": "2027-01-15T08:00:27Z",
            "rule": "orders",
            "method": "GET",
            "host": "api.example.com",
            "port": 443,
            "status": 200,
        }
    ]
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/tasks/{task}/uses",
        name="sayUses",
        summary="Say how the task's credentials were used; counts as a heartbeat",
        callers=("agent",),
        creates=True,
        body=Body("SayUsesBody", _SAYING),
        answers={200: Answer("The task.", "Task")},
        problems=("not-found", "task-closed", "slow-down"),
    ),
    Operation(
        method="GET",
        path="/v1/tasks/{task}/uses",
        name="showUses",
        summary="Show what was said of the uses of a task's credentials",
        callers=("agent", "orchestrator", "operator", "person"),
        answers={200: Answer("All that was said so far.", "SaidUses")},
        problems=("not-found",),
    ),
)
