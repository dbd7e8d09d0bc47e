"""Tasks for the hooks of ``docs/orchestrators.md``; as a program it sends them, told by lines.

``{"send": task, "id": …}`` sends one, ``{"revoke": id}`` stops it. What an attempt has, and how a
task ended, is in the list ``told`` of the Redis that is Celery's broker too.
"""

import json
import os
import sys
import time
from typing import Any

import redis
from broker_hooks import CEILINGS, agent  # the page's own program
from celery import Celery

LONG_S = 600

app = Celery("work", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
app.conf.update(
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
)


def say(**members: object) -> None:
    """Add a line to what was told."""
    socket = os.environ["REDIS"].removeprefix("redis+socket://")
    with redis.Redis(unix_socket_path=socket) as client:
        client.rpush("told", json.dumps(members))


@app.task(bind=True, name="work", max_retries=1, default_retry_delay=0)
def work(self: Any, what: str) -> None:
    """Take the task on, tell what it has, and end as it is told."""
    opened = self.request.broker_task
    with agent().claim(opened.id, opened.claim_handle) as task:
        token = task.issue("orders-api", scopes=("orders:read",)).access_token.reveal()
        had = {"task": task.id, "token": token, "retries": self.request.retries}
        say(works=self.request.id, pid=os.getpid(), **had)
        if what == "raise":
            raise ValueError("it went wrong")
        if what == "retry" and not self.request.retries:
            raise self.retry()
        if what == "wait":
            time.sleep(LONG_S)


@app.task(name="without")
def without() -> None:
    """Have no task of the broker's."""


CEILINGS["work"] = CEILINGS["read_orders"]


def main() -> None:
    """Send what the lines say."""
    for line in sys.stdin:
        wish = json.loads(line)
        if "revoke" in wish:
            app.control.revoke(wish["revoke"], terminate=True)
            continue
        args = (wish["what"],) if "what" in wish else ()
        options = {"time_limit": wish["limit_s"]} if "limit_s" in wish else {}
        app.tasks[wish["send"]].apply_async(args, task_id=wish["id"], **options)


if __name__ == "__main__":
    main()
