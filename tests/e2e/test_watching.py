"""Jobs of a cluster, watched by a real command beside a real broker: their tasks end with them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.fakes.cast import OPERATOR, ORCHESTRATOR
from tests.fakes.cluster import TOKEN, Cluster, job
from tests.fakes.world import World


@asynccontextmanager
async def over_tcp(world: World) -> AsyncIterator[str]:
    """Serve the first broker's socket on a port, for a command that takes a URL."""

    async def hand_on(request: web.Request) -> web.Response:
        async with world.running[0].session.request(
            request.method,
            f"http://broker{request.path}",
            data=await request.read(),
            headers={
                name: request.headers[name]
                for name in ("Authorization", "Content-Type")
                if name in request.headers
            },
        ) as answer:
            data = await answer.read()
            return web.Response(
                status=answer.status, body=data, headers={"Content-Type": answer.content_type}
            )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hand_on)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def start(url: str, cluster: Cluster, folder: Path) -> asyncio.subprocess.Process:
    """Start the command beside a broker and a cluster."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "broker", "watch", "kubernetes", "--namespace", "payments"),
        *("--broker", url, "--token-file", str(folder / "token"), "--api", cluster.url),
        *("--api-token-file", str(folder / "api-token")),
        stdout=asyncio.subprocess.PIPE,
    )


async def test_the_command_ends_the_tasks_of_jobs(world: World, tmp_path: Path) -> None:
    """What was over before it began, what ends, what is deleted; a foreign task is left alone."""
    done, failed, gone, runs = [(await world.open())["id"] for _ in range(4)]
    (tmp_path / "api-token").write_text(TOKEN)
    (tmp_path / "token").write_text(world.token(ORCHESTRATOR))
    cluster = Cluster()
    await cluster.start()
    foreign = job("foreign", f"t_00_{'a' * 26}", ended="Complete")
    for each in (job("done", done, ended="Complete"), foreign):
        cluster.put(each)
    for name, task in (("failed", failed), ("gone", gone), ("runs", runs)):
        cluster.put(job(name, task))

    async with over_tcp(world) as url:
        command = await start(url, cluster, tmp_path)
        try:
            assert (await world.ended(done))["state"] == "completed"
            cluster.put(job("failed", failed, ended="Failed"))
            cluster.delete("gone")
            assert (await world.ended(failed))["state"] == "failed"
            assert (await world.ended(gone))["state"] == "cancelled"
        finally:
            command.terminate()
            told, _ = await command.communicate()
            await cluster.stop()

    assert (await world.get(OPERATOR, f"/v1/tasks/{runs}"))["state"] == "open"
    assert b'"event": "not-ended", "job": "job payments/foreign"' in told
    assert command.returncode == 143
