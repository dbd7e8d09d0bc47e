"""Tasks, and the reports of their ends."""

from typing import Final

from broker.http.contract.failures import GIVING
from broker.http.contract.operation import Answer, Body, Operation
from broker.http.contract.parts import (
    ASKED_INSTANT,
    COUNT,
    FLAG,
    GLOB,
    INSTANT,
    KNOWN,
    MAYBE_INSTANT,
    NAME,
    OPEN_GLASS,
    OPTIONAL_TTL,
    PAGE,
    REASON,
    RECEIPTS,
    REFERENCES,
    SCOPES,
    STRING,
    TASK_ID,
    TTL,
    URL,
    WAIT,
    WORD,
    report,
)
from broker.http.contract.schema import (
    Configured,
    Schema,
    array,
    described,
    nullable,
    number,
    paged,
    record,
    ref,
    words,
)
from broker.http.wire import MAX_LINES
from broker.ids import MAX_DEPTH

_STATE: Final = words("open", "frozen", "completed", "failed", "cancelled")

_TASK: Final[dict[str, Schema]] = {
    "id": TASK_ID,
    "name": STRING,
    "tenant": STRING,
    "agent": STRING,
    "instance": described(STRING, "Empty until an instance has claimed the task."),
    "opener": STRING,
    "on_behalf_of": STRING,
    "delegated_by": described(
        STRING, "The person who opened the tree herself and lends her right; empty: nobody."
    ),
    "ceiling": array(ref("CeilingLine")),
    "tickets": array(STRING),
    "resources": array(STRING),
    "audiences": described(
        nullable(array(STRING)), "The only ones that its tree's credentials are for; null: any."
    ),
    "max_levels": described(
        nullable(COUNT), "How many levels of tasks there may be below it; null: as configured."
    ),
    "max_children": described(
        nullable(COUNT), "Open children of each one task of its tree; null: as configured."
    ),
    "max_below": described(nullable(COUNT), "Open tasks in all below it; null: any number."),
    "parent": described(STRING, "Empty for a root task."),
    "path": array(TASK_ID, least=1),
    "state": _STATE,
    "alive": described(FLAG, "The ledger's judgement, ancestors and cuts included."),
    "opened_at": INSTANT,
    "deadline": INSTANT,
    "idle_timeout_seconds": COUNT,
    "agent_seen_at": MAYBE_INSTANT,
    "opener_seen_at": MAYBE_INSTANT,
    "closed_at": MAYBE_INSTANT,
    "ended_by": described(
        STRING, "done, failed, cancelled, idle, deadline, parent, revoked, session."
    ),
    "closed_by": STRING,
    "frozen": described(FLAG, "It, or a task above it, is frozen and nothing has ended it."),
    "frozen_at": MAYBE_INSTANT,
    "frozen_by": described(STRING, "Who froze this very task; empty when nobody has."),
    "frozen_reason": STRING,
}

_HANDLE: Final = described(
    STRING, "What an instance claims the task with; told once, when no instance was named."
)

SCHEMAS: Final = {
    "Task": record(_TASK, OPEN_GLASS),
    "OpenedTask": record(_TASK, {"claim_handle": _HANDLE}),
    "TaskPage": paged("tasks", ref("Task")),
    "Branch": described(
        record(
            {
                **_TASK,
                "level": described(COUNT, "How far below the task that was asked for; 0: itself."),
                "children": described(COUNT, "Those that have ended included."),
                "open_children": COUNT,
                "live_credentials": COUNT,
                "ending_credentials": described(
                    COUNT, "Dead with their task, and still being taken down one by one."
                ),
            }
        ),
        "A task of a tree. Its parent stands before it.",
    ),
    "TaskTree": paged("tasks", ref("Branch")),
    "TaskReport": report("task", "Task"),
    "AskedCeilingLine": described(
        record({"capability": NAME}, {"scopes": nullable(SCOPES)}),
        "Without scopes: the only one of the capability that the agent may have.",
    ),
    "OpenTaskBody": record(
        {
            "name": NAME,
            "agent": NAME,
            "tenant": NAME,
            "ceiling": array(ref("AskedCeilingLine"), least=1, most=MAX_LINES),
            "ttl_seconds": TTL,
        },
        {
            "instance": nullable(NAME),
            "on_behalf_of": nullable(NAME),
            "tickets": REFERENCES,
            "resources": REFERENCES,
            "idle_timeout_seconds": OPTIONAL_TTL,
            "opener_timeout_seconds": number(0, Configured.MAX_TTL),
            "parent": nullable(TASK_ID),
            "audiences": nullable(array(URL, least=1, most=MAX_LINES)),
            "max_levels": nullable(number(0, MAX_DEPTH - 1)),
            "max_children": nullable(number(1, 1_000_000)),
            "max_below": nullable(number(1, 1_000_000)),
        },
    ),
    "ClaimBody": record({"handle": WORD}),
    "ExtendBody": record({"ttl_seconds": TTL}),
    "CloseBody": record({}, {"reason": nullable(REASON)}),
    "FreezeBody": record({"reason": REASON}),
    "EmptyBody": record({}),
}

_OPENING: Final = {
    "name": "reconcile-invoices",
    "agent": "invoice-bot",
    "tenant": "acme",
    "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
    "ttl_seconds": 600,
}
_PARTIES: Final = ("agent", "orchestrator", "person")
_LOOKERS: Final = ("agent", "orchestrator", "operator", "person")
_SHOWN: Final = Answer("The task.", "Task")
_OPENED: Final = "OpenedTask"


def _ending(verb: str, summary: str, callers: tuple[str, ...]) -> Operation:
    return Operation(
        method="POST",
        path=f"/v1/tasks/{{task}}/{verb}",
        name=f"{verb}Task",
        summary=summary,
        callers=callers,
        body=Body("CloseBody", {"reason": "done"}, is_required=False),
        answers={200: Answer("The first page of the report.", "TaskReport")},
        problems=("not-found",),
    )


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/tasks",
        name="openTask",
        summary="Open a task",
        callers=_PARTIES,
        body=Body("OpenTaskBody", _OPENING),
        creates=True,
        answers={
            201: Answer("The task.", _OPENED, headers=("Location",)),
            200: Answer(
                "The task that this idempotency key opened before.", _OPENED, headers=("Location",)
            ),
        },
        problems=("not-found", *GIVING),
    ),
    Operation(
        method="GET",
        path="/v1/tasks",
        name="listTasks",
        summary="List the tasks that the caller may see, newest first within each bucket",
        callers=_LOOKERS,
        query={
            "tenant": NAME,
            "agent": NAME,
            "state": _STATE,
            "capability": described(NAME, "One of the task's ceiling."),
            "name": GLOB,
            "opened_after": ASKED_INSTANT,
            "opened_before": ASKED_INSTANT,
            **PAGE,
        },
        answers={200: Answer("One page; it may be short before the last.", "TaskPage")},
    ),
    Operation(
        method="GET",
        path="/v1/tasks/{task}",
        name="showTask",
        summary="Show a task",
        callers=_LOOKERS,
        query={"wait": WAIT},
        headers=KNOWN,
        answers={200: Answer("The task.", "Task", headers=("ETag",))},
        problems=("not-found",),
    ),
    Operation(
        method="GET",
        path="/v1/tasks/{task}/tree",
        name="showTaskTree",
        summary="Show a task and everything below it, each task after its parent",
        callers=_LOOKERS,
        query=PAGE,
        answers={200: Answer("One page; it may be short before the last.", "TaskTree")},
        problems=("not-found",),
    ),
    Operation(
        method="GET",
        path="/v1/tasks/{task}/report",
        name="reportTask",
        summary="Show the receipts of a task's end",
        callers=_LOOKERS,
        query={**RECEIPTS, **PAGE, "wait": WAIT},
        headers=KNOWN,
        answers={200: Answer("One page of the report.", "TaskReport", headers=("ETag",))},
        problems=("not-found",),
    ),
    Operation(
        method="POST",
        path="/v1/tasks/{task}/claim",
        name="claimTask",
        summary="Bind the caller's instance to a task",
        callers=("agent",),
        body=Body("ClaimBody", {"handle": "a" * 26}),
        answers={200: _SHOWN},
        problems=("not-found", "task-closed", "task-frozen"),
    ),
    Operation(
        method="POST",
        path="/v1/tasks/{task}/heartbeat",
        name="beatTask",
        summary="Say that the caller is alive",
        callers=_PARTIES,
        body=Body("EmptyBody", {}, is_required=False),
        answers={200: _SHOWN},
        problems=("not-found", "task-closed"),
    ),
    Operation(
        method="POST",
        path="/v1/tasks/{task}/extend",
        name="extendTask",
        summary="Move the deadline; policy decides",
        callers=_PARTIES,
        creates=True,
        body=Body("ExtendBody", {"ttl_seconds": 600}),
        answers={200: _SHOWN},
        problems=("not-found", *GIVING),
    ),
    _ending("complete", "End a task well", _PARTIES),
    _ending("fail", "End a task badly", _PARTIES),
    _ending("cancel", "Stop a task", _LOOKERS),
    Operation(
        method="POST",
        path="/v1/tasks/{task}/freeze",
        name="freezeTask",
        summary="Kill what a task has, and give it nothing until it is thawed",
        callers=_LOOKERS,
        body=Body("FreezeBody", {"reason": "it reads what it never read"}),
        answers={200: Answer("The first page of the report.", "TaskReport")},
        problems=("not-found", "task-closed"),
    ),
    Operation(
        method="POST",
        path="/v1/tasks/{task}/thaw",
        name="thawTask",
        summary="Let a frozen task ask anew",
        callers=("operator",),
        body=Body("FreezeBody", {"reason": "looked into: it was meant"}),
        answers={200: _SHOWN},
        problems=("not-found", "task-closed", "unavailable"),
    ),
)
