"""A worker of Temporal's with the interceptor of ``docs/orchestrators.md``; it is told by lines.

``{"start": id, "activity": …}`` starts a workflow, ``{"cancel": id}`` cancels one; each line that
it prints says what an activity has, or how a workflow ended.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from broker_tasks import TASK, BrokerTasks  # the page's own program
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from broker.client import BrokerClient, open_session, token_file
from tests.real.temporal_flows import OneActivity

BEAT_S = 0.2


def say(**members: object) -> None:
    """Print one line."""
    print(json.dumps(members), flush=True)  # noqa: T201 - this is a program


async def begun() -> None:
    """Tell which task the running activity has, and its credential."""
    task, info = TASK.get(), activity.info()
    held = await task.credential("orders-api", scopes=("orders:read",))
    token = (await held.token()).reveal()
    say(works=info.workflow_id, attempt=info.attempt, task=task.id, token=token)


async def well() -> str:
    """End well."""
    await begun()
    return "done"


async def badly() -> None:
    """Raise."""
    await begun()
    raise ValueError("it went wrong")


async def beating() -> None:
    """Work, with a heartbeat now and then, until it is told to stop."""
    await begun()
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT_S)


async def hanging() -> None:
    """Say nothing any more."""
    await begun()
    await asyncio.Event().wait()


def in_a_thread() -> None:
    """Work in a thread until Temporal raises there what stops it."""
    asyncio.run_coroutine_threadsafe(begun(), LOOP[0]).result()
    while True:
        activity.heartbeat()
        time.sleep(BEAT_S)


def without() -> str:
    """Have no task, for none is declared."""
    return repr(TASK.get(None))


LOOP: list[asyncio.AbstractEventLoop] = []
ACTIVITIES: list[Callable[..., Any]] = [well, badly, beating, hanging, in_a_thread, without]


async def follow(temporal: Client, queue: str, wish: dict[str, Any]) -> None:
    """Start a workflow and tell how it ended."""
    try:
        result = await temporal.execute_workflow(
            OneActivity.run, wish, id=wish["start"], task_queue=queue
        )
    except WorkflowFailureError as error:
        why = error.cause.__cause__ or error.cause
        say(ended=wish["start"], how=type(why).__name__, kind=getattr(why, "type", ""))
    else:
        say(ended=wish["start"], how="completed", result=result)


async def listen(temporal: Client, queue: str) -> None:
    """Do what the lines say, until there are no more."""
    running = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        wish = json.loads(line)
        if "cancel" in wish:
            await temporal.get_workflow_handle(wish["cancel"]).cancel()
        else:
            running.add(asyncio.create_task(follow(temporal, queue, wish)))


async def main() -> None:
    """Work until standard input ends."""
    LOOP.append(asyncio.get_running_loop())
    temporal, queue = await Client.connect(os.environ["TEMPORAL"]), os.environ["QUEUE"]
    async with open_session() as session:
        orchestrator, agent = (
            BrokerClient(os.environ["BROKER_URL"], token_file(Path(os.environ[name])), session)
            for name in ("ORCHESTRATOR_TOKEN_FILE", "AGENT_TOKEN_FILE")
        )
        async with Worker(
            temporal,
            task_queue=queue,
            workflows=[OneActivity],
            activities=[activity.defn(each) for each in ACTIVITIES],
            activity_executor=ThreadPoolExecutor(4),
            interceptors=[BrokerTasks(orchestrator, agent)],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            say(works="")
            await listen(temporal, queue)


asyncio.run(main())
