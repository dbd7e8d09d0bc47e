import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from broker.client.errors import GuardMissingError
from broker.client.liveness import OfflineLiveness
from broker.client.middleware import VERIFIED, bearer
from broker.client.passage import current_token
from broker.client.requires import granted, in_path, requires
from broker.client.verifier import Verifier
from tests.fakes import token_mint as mint
from tests.fakes.clock import FakeClock

Client = TestClient[web.Request, web.Application]
Ask = Callable[..., Awaitable[int]]


async def show(_: web.Request) -> web.Response:
    """Say who calls, as code deep inside would find out."""
    return web.json_response({"agent": current_token().agent})


def guarded(handler: Callable[[web.Request], Awaitable[web.Response]]) -> web.Application:
    """Return an application whose one route is the handler."""
    verifier = Verifier(
        mint.ISSUER,
        mint.AUDIENCE,
        keys=mint.fixed_keys(),
        liveness=OfflineLiveness(),
        clock=FakeClock(now_ms=mint.NOW_MS),
    )
    app = web.Application(middlewares=[bearer(verifier, realm="orders")])
    app.router.add_get("/tasks/{task}/of/{tenant}", handler)
    return app


@pytest.fixture
def ask() -> Ask:
    """Ask a handler that has some conditions with the usual token; return the status."""

    async def visit(
        decorate: Callable[..., object], task: str = mint.CHILD, tenant: str = "acme"
    ) -> int:
        app = guarded(decorate(show))  # type: ignore[arg-type]
        async with TestClient(TestServer(app)) as client:
            headers = {"Authorization": f"Bearer {mint.token()}"}
            answer = await client.get(f"/tasks/{task}/of/{tenant}", headers=headers)
            return answer.status

    return visit


TOKEN = mint.claims()
GOOD = [
    {"scope": "orders:read"},
    {"scope": "orders:read orders:write"},
    {"scope": ["orders:read"]},
    {"capability": str(TOKEN["capability"])},
    {"tenant": "acme"},
    {"task": mint.CHILD},
    {"task": in_path("task")},
    {"tenant": in_path("tenant"), "task": in_path("task"), "scope": "orders:read"},
]
BAD = [
    {"scope": "orders:admin"},
    {"scope": ["orders:read", "orders:admin"]},
    {"capability": "another"},
    {"tenant": "globex"},
    {"task": mint.ROOT},
    {"scope": "orders:read", "tenant": "globex"},
]


@pytest.mark.parametrize("conditions", GOOD)
async def test_who_meets_every_condition_passes(ask: Ask, conditions: dict[str, str]) -> None:
    """Fixed values and values of the path alike."""
    assert await ask(requires(**conditions)) == 200


@pytest.mark.parametrize("conditions", BAD)
async def test_who_misses_one_condition_is_forbidden(ask: Ask, conditions: dict[str, str]) -> None:
    """403: the token is good, and not good enough."""
    assert await ask(requires(**conditions)) == 403


@pytest.mark.parametrize(("part", "value"), [("task", mint.ROOT), ("tenant", "globex")])
async def test_the_path_decides_for_each_request(ask: Ask, part: str, value: str) -> None:
    """A token of one task, or of one tenant, opens no other's path."""
    assert await ask(requires(**{part: in_path(part)}), **{part: value}) == 403


async def test_a_condition_on_a_part_that_the_route_lacks_closes_it(ask: Ask) -> None:
    """A slip in the code is an error of the server, never an open door."""
    assert await ask(requires(task=in_path("no_such_part"))) == 500


@pytest.mark.parametrize("scope", ["", " ", "a  b", 'a"b', ["a b"], ["ä"], [""]])
def test_a_condition_that_makes_no_sense_shows_when_it_is_written(scope: str | list[str]) -> None:
    """Not when the first request comes."""
    with pytest.raises(ValueError, match=r"scope|header"):
        requires(scope=scope)


async def test_without_a_guard_nothing_runs() -> None:
    """Sync or not, and as a dependency."""

    @requires(scope="a")
    async def later() -> None:
        pytest.fail("it must not run")

    @requires(scope="a")
    def now() -> None:
        pytest.fail("it must not run")

    with pytest.raises(GuardMissingError):
        await later()
    with pytest.raises(GuardMissingError):
        now()
    with pytest.raises(GuardMissingError):
        await granted(scope="a")()
    with pytest.raises(GuardMissingError):
        current_token()


async def test_a_refusal_that_somebody_swallows_is_still_the_answer() -> None:
    """An application's own catch-all does not open what a condition has closed."""

    @requires(scope="orders:admin")
    async def inner(request: web.Request) -> web.Response:
        return await show(request)

    async def careless(request: web.Request) -> web.Response:
        try:
            return await inner(request)
        except Exception:  # noqa: BLE001  that is the mistake
            return web.json_response({"all": "secrets"})

    async with TestClient(TestServer(guarded(careless))) as client:
        headers = {"Authorization": f"Bearer {mint.token()}"}
        answer = await client.get("/tasks/x/of/y", headers=headers)

        assert answer.status == 403
        assert "secrets" not in await answer.text()


async def test_work_that_outlives_its_request_has_no_token_any_more() -> None:
    """What a request has started does not go on in its name."""
    left_behind: list[asyncio.Task[str]] = []
    go = asyncio.Event()

    async def linger() -> str:
        await go.wait()
        return current_token().agent

    async def handler(request: web.Request) -> web.Response:
        left_behind.append(asyncio.create_task(linger()))
        return await show(request)

    async with TestClient(TestServer(guarded(handler))) as client:
        headers = {"Authorization": f"Bearer {mint.token()}"}
        assert (await client.get("/tasks/x/of/y", headers=headers)).status == 200
    go.set()

    with pytest.raises(GuardMissingError):
        await left_behind[0]


async def test_methods_and_views_can_have_conditions() -> None:
    """The request is found wherever it stands."""

    class Orders:
        @requires(task=in_path("task"))
        async def read(self, request: web.Request) -> web.Response:
            return web.json_response({"agent": request[VERIFIED].agent})

    class OrdersView(web.View):
        @requires(task=in_path("task"))
        async def get(self) -> web.Response:
            return web.Response()

    for handler in (Orders().read, OrdersView):
        async with TestClient(TestServer(guarded(handler))) as client:  # type: ignore[arg-type]
            headers = {"Authorization": f"Bearer {mint.token()}"}
            statuses = [
                (await client.get(f"/tasks/{task}/of/x", headers=headers)).status
                for task in (mint.CHILD, mint.ROOT)
            ]
            assert statuses == [200, 403]
