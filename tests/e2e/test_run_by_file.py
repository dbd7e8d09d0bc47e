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
    """Without a command of its own it runs the file's; a fault starts nothing, and has a line."""
    file = tmp_path / "run.yaml"
    file.write_text(JOB)
    broken = tmp_path / "broken.yaml"
    broken.write_text(JOB + "brokers: https://evil.example\n")
    more = ("--need", "more=orders-api", "--scope", "more=orders:read")

    async with runs(world, tmp_path) as begin:
        job = begin("", "--file", str(file), *more, needs=())
        refused = begin("touch started", "--file", str(broken), needs=())
        ended, told = await job.ended(), await refused.ended()

    task = await world.ended(job.read("task").strip())
    assert ended == (0, "", "")
    assert (task["name"], task["idle_timeout_seconds"]) == ("count-orders", 30)
    assert job.read("token") != job.read("more")
    assert (told[0], (refused.folder / "started").exists()) == (78, False)
    assert "broken.yaml:15: brokers: no such setting" in told[2]
