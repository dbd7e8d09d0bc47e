"""What a capability says its credentials are for comes with each of them, and binds the proxy."""

import sys
from pathlib import Path
from typing import Any

from tests.e2e.test_run import KEEP
from tests.e2e.test_run_proxy import FETCH, shop
from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.run_world import runs
from tests.fakes.world import Answer, World

READ = {"scopes": ["orders:read"], "host": "a.test", "methods": ["GET"], "paths": ["/v1/**"]}
WRITE = {"scopes": ["orders:write"], "host": "a.test", "methods": ["POST"], "paths": ["/v1/x"]}
ANY = {"host": "b.test", "port": 8443, "methods": ["GET"], "paths": ["/"]}


async def renewed(world: World, credential: str, seconds: int) -> Answer:
    """Ask for more time."""
    path = f"/v1/credentials/{credential}/renew"
    return await world.post(AGENT, path, {"ttl_seconds": seconds})


async def test_an_answer_says_what_the_granted_scopes_open(world: World) -> None:
    """Issued and renewed, by the revision of then; nothing where nothing is declared."""
    task = (await world.open())["id"]
    before = await world.issue(task, ttl_seconds=60)

    world.config.edit_capability("orders-api", reach=[READ, WRITE, ANY])
    await world.publish()
    issued = await world.issue(task)
    wider = await renewed(world, before["id"], 120)
    world.config.edit_capability("orders-api", reach=[WRITE])
    await world.publish()
    narrower = await renewed(world, before["id"], 240)

    open_to_read = [{n: v for n, v in READ.items() if n != "scopes"}, ANY]
    shown = await world.get(AGENT, f"/v1/credentials/{before['id']}")
    assert not {"reach"} & (before.keys() | shown.body.keys())
    assert (issued["reach"], wider["reach"]) == (open_to_read, open_to_read)
    assert (narrower.status, narrower["reach"]) == (201, [])


AGAIN = """
import os, sys, time, urllib.error, urllib.request
name, _, value = open(os.environ["ORDERS_API_HEADER_FILE"]).read().strip().partition(": ")
status = 200
while status == 200:
    time.sleep(0.3)
    try:
        request = urllib.request.Request(sys.argv[1], headers={name: value})
        status = urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        status = error.code
    print(status, flush=True)
"""


async def test_a_run_s_routes_are_no_wider_than_its_lease(world: World, tmp_path: Path) -> None:
    """What both have passes; a renewal that brings less counts from the next request on."""
    fetch, again = tmp_path / "fetch.py", tmp_path / "again.py"
    fetch.write_text(FETCH)
    again.write_text(AGAIN)
    async with shop(tmp_path) as (upstream, options), runs(world, tmp_path) as begin:
        line = READ | {"host": "localhost", "port": upstream.port}
        await _reach(world, line | {"paths": ["/v1/orders/{id}"]})
        at = f"https://localhost:{upstream.port}/v1/orders"
        once = f"{sys.executable} {fetch} {at}/7 {at}/7/lines > answers; touch started; "
        script = f"{KEEP}{once}{sys.executable} {again} {at}/7 > later"
        run = begin(script, *options, "--credential-ttl", "6s", "--idle", "30s")
        await run.started()
        await _reach(world, line | {"paths": ["/v1/orders/8"]})
        code, _, err = await run.ended()

    later = run.read("later").split()
    assert (code, run.read("answers").split()) == (0, ["200", "403"]), err
    assert (later[0], later[-1]) == ("200", "403")
    sent = [got.line.split()[1] for got in upstream.received]
    assert sent == ["/v1/orders/7"] * (1 + later.count("200"))
    await _are_told(world, run.read("task").strip())


async def _reach(world: World, *lines: dict[str, Any]) -> None:
    world.config.edit_capability("orders-api", reach=[*lines])
    await world.publish()


async def _are_told(world: World, task: str) -> None:
    """Look at what the broker was told of the two that were refused."""
    uses = (await world.get(OPERATOR, f"/v1/tasks/{task}/uses"))["uses"]
    refused = [each for each in uses if each["problem"] == "beyond-lease"]
    assert {(each["outcome"], each["rule"]) for each in refused} == {("refused", "orders")}
    assert sum(each["times"] for each in refused) == 2
