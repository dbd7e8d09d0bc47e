"""The documented hooks of Celery, word for word, in the real Celery."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.fakes import answers, serving_thread
from tests.fakes.broker_server import BrokerServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ROOT: Final = Path(__file__).parents[2]
TASK: Final = f"/v1/tasks/{answers.TASK}"

DRIVER: Final = """
from celery import Celery
from celery.contrib.testing.worker import start_worker

app = Celery("work", broker="memory://", backend="cache+memory://")
app.conf.worker_hijack_root_logger = False

@app.task(bind=True)
def well(self):
    return self.request.broker_task.id

@app.task
def badly():
    raise ValueError("it went wrong")

app.conf.task_always_eager = True
assert well.apply(task_id="eager-well").get().startswith("t_")
assert badly.apply(task_id="eager-badly").failed()
app.conf.task_always_eager = False

from celery.worker.state import revoked
revoked.add("revoked")
works = {"well": well, "badly": badly, "revoked": well}
sent = [each.apply_async(task_id=name) for name, each in works.items()]
with start_worker(app, pool="solo", perform_ping_check=False):
    for each in sent:
        each.get(timeout=30, propagate=False)
print("done")
"""


def test_each_task_ends_as_celerys_own_did(part: Callable[[str], Path], tmp_path: Path) -> None:
    """Done, failed and revoked; eagerly and in a worker."""
    packages = part("celery").parents[1]
    page = (ROOT / "docs" / "orchestrators.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (hooks,) = (each for each in programs if "from celery import signals" in each)
    (tmp_path / "token").write_text("workload\n")

    with serving_thread.running(BrokerServer()) as broker:
        broker.answer("POST /v1/tasks", answers.task(claim_handle="handle"))
        for verb in ("complete", "fail", "cancel"):
            ended = answers.report(task=answers.task(state="completed", alive=False))
            broker.answer(f"POST {TASK}/{verb}", ended)
        done = subprocess.run(  # noqa: S603  our own interpreter and our own text
            [sys.executable, "-c", hooks + DRIVER],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)]),
                "BROKER_URL": broker.url,
                "BROKER_TOKEN_FILE": str(tmp_path / "token"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        seen = list(broker.seen)

    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-3000:]
    keys = {each.headers["Idempotency-Key"] for each in seen if each.path == "/v1/tasks"}
    names = ("eager-well", "eager-badly", "well", "badly", "revoked")
    assert keys == {f"celery.{name}" for name in names}
    ends = Counter(each.path.rpartition("/")[2] for each in seen if each.path != "/v1/tasks")
    assert (ends["complete"], ends["cancel"]) == (2, 1)
    assert ends["fail"] >= 2
