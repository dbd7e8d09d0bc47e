"""One broker decides for another, over HTTP, by the standard's words alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.fakes.cast import HELPER, OPERATOR, ROOT_OPERATOR, STOCK_OPERATOR, Who
from tests.fakes.engine_server import authzen
from tests.fakes.world import World

WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]
REPORT = [{"capability": "reports-read", "scopes": ["reports:read"]}]


@asynccontextmanager
async def reachable(world: World) -> AsyncIterator[str]:
    """Let broker number 0 be reached by TCP, byte for byte."""

    async def forward(request: web.Request) -> web.Response:
        kept = ("Authorization", "Content-Type", "X-Request-ID")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        async with world.running[0].session.post(
            f"http://broker{request.path}", data=await request.read(), headers=headers
        ) as answer:
            body = await answer.read()
            named = {name: text for name, text in answer.headers.items() if "Request" in name}
            kind = answer.content_type
            return web.Response(body=body, status=answer.status, headers=named, content_type=kind)

    application = web.Application()
    application.router.add_post("/{rest:.*}", forward)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def second(world: World, url: str, folder: Path, who: Who = ROOT_OPERATOR) -> None:
    """Start a broker for which the first one decides."""
    file = folder / "token"
    file.write_text(world.token(who))
    await world.start(policy=authzen(url, token_file=file))


async def test_a_broker_decides_for_another(world: World, tmp_path: Path) -> None:
    """Permits, obligations and refusals are those of the first one's policies."""
    async with reachable(world) as url:
        await second(world, url, tmp_path)
        task = await world.open(at=1, ceiling=WRITE, tickets=["OPS-1"])
        issued = await world.issue(task["id"], at=1, scopes=["orders:write"])
        assert issued["expires_in"] <= 120
        shown = (await world.get(OPERATOR, f"/v1/credentials/{issued['id']}", at=1)).body
        assert shown["decision"]["policies"] == ["agents-write-with-ticket"]
        assert shown["decision"]["policy_version"].startswith("authzen:")
        child = await world.delegate(task["id"])
        assert child.status in (200, 201)

        untold = await world.open(at=1, ceiling=WRITE)
        refused = await world.ask(untold["id"], at=1, scopes=["orders:write"])
        assert refused.status == 403
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}", at=1)).body
        assert seen["reason"] == "no-permit"


async def test_what_the_first_forbids_the_second_forbids(world: World, tmp_path: Path) -> None:
    """By the policy's name."""
    async with reachable(world) as url:
        await second(world, url, tmp_path)
        task = await world.open(at=1, agent="helper-bot", ceiling=REPORT)
        wish = {"capability": "reports-read", "scopes": ["reports:read"]}
        refused = await world.ask(task["id"], HELPER, at=1, **wish)
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}", at=1)).body

    assert seen["reason"] == "forbidden"
    assert seen["trace"]["policies"] == ["high-risk-agents-stay-off-restricted-data"]


async def test_it_decides_within_its_askers_tenants_only(world: World, tmp_path: Path) -> None:
    """I16: an operator of another tenant gets no permit out of it."""
    async with reachable(world) as url:
        await second(world, url, tmp_path, STOCK_OPERATOR)
        task = await world.open()

        assert (await world.ask(task["id"], at=1)).status == 403
        assert (await world.ask(task["id"], at=0)).status == 201


async def test_with_the_first_gone_the_second_gives_nothing(world: World, tmp_path: Path) -> None:
    """I5; and without a token that the first one takes."""
    async with reachable(world) as url:
        await second(world, url, tmp_path)
        task = await world.open(at=1)
        (tmp_path / "token").write_text("nobody's token")
        refused = await world.ask(task["id"], at=1)
        seen = (await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}", at=1)).body
        assert (seen["reason"], seen["trace"]["errors"]) == (
            "engine-error",
            ["answered with status 401"],
        )
    assert (await world.ask(task["id"], at=1)).status == 403
