"""`broker run --file`: a job that is written down once."""

from pathlib import Path

from tests.fakes.run_world import runs
from tests.fakes.world import World

JOB = """
task: count-orders
idle: 30s
needs:
  - capability: orders-api
    name: shop
    scopes: [orders:read]
    as: env:ORDERS_
command:
  - sh
  - -c
  - >-
    printf %s "$ORDERS_ACCESS_TOKEN" > token;
    cp "$MORE_TOKEN_FILE" more; echo "$BROKER_TASK_ID" > task
"""


async def test_a_job_is_what_its_file_says_and_what_is_added(world: World, tmp_path: Path) -> None:
    """Without a command of its own it runs the file's."""
    file = tmp_path / "run.yaml"
    file.write_text(JOB)
    more = ("--need", "more=orders-api", "--scope", "more=orders:read")

    async with runs(world, tmp_path) as begin:
        job = begin("", "--file", str(file), *more, needs=())
        ended = await job.ended()

    task = await world.ended(job.read("task").strip())
    assert ended == (0, "", "")
    assert (task["name"], task["idle_timeout_seconds"]) == ("count-orders", 30)
    assert job.read("token") != job.read("more")
