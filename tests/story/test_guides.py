"""The Python that the guides show does what they say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from broker.client.liveness import OfflineLiveness
from broker.client.verifier import Verifier
from broker.clock import SystemClock
from tests.fakes import answers, serving_thread
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer
from tests.fakes.clock import FakeClock

DOCS = Path(__file__).parents[2] / "docs"
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {heavy!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
"""
"""Makes a program run as if only the client's own dependencies were installed."""

HEAVY = {"redis", "cedarpy", "boto3", "botocore", "hvac", "click", "apscheduler", "structlog"}
HEAVY |= {"prometheus_client", "yaml", "rich", "hiredis", "backends", "spiffe", "grpc"}

_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(page: str) -> list[str]:
    """Return the Python blocks of a page."""
    return _PYTHON.findall((DOCS / page).read_text(encoding="utf-8"))


def ended(state: str) -> dict[str, object]:
    """Return the report of an ended task."""
    return answers.report(task=answers.task(state=state, alive=False))


@pytest.fixture
def broker() -> Iterator[BrokerServer]:
    """Return a broker where everything goes well, and the orders beside it."""
    task = f"/v1/tasks/{answers.TASK}"
    with serving_thread.running(BrokerServer()) as server:
        server.answer("POST /v1/tasks", answers.task(claim_handle="handle"))
        server.answer("GET /v1/tasks", {"tasks": [answers.task()], "next": None})
        for verb in ("heartbeat", "claim"):
            server.answer(f"POST {task}/{verb}", answers.task())
        server.answer(f"POST {task}/credentials", answers.issued())
        server.answer(f"POST {task}/complete", ended("completed"))
        server.answer(f"POST {task}/cancel", ended("cancelled"))
        server.answer(f"GET {task}/report", ended("cancelled"))
        server.answer("GET /.well-known/jwks.json", mint.key_set())
        server.answer("GET /orders", {})
        yield server


def run(program: str, broker: BrokerServer, tmp_path: Path, **besides: str) -> str:
    """Run a program of the guides, without the server's dependencies; return what it prints."""
    (tmp_path / "token").write_text("workload\n")
    said = {
        "BROKER_URL": broker.url,
        "BROKER_TOKEN_FILE": str(tmp_path / "token"),
        "TASK": answers.TASK,
        "CLAIM_HANDLE": "handle",
        "ORDERS_URL": f"{broker.url}/orders",
        "TOKEN": mint.token(),
    } | besides
    done = subprocess.run(  # noqa: S603  our own interpreter and our own text
        [sys.executable, "-W", "error", "-c", WITHOUT.format(heavy=HEAVY) + program],
        env=os.environ | said,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_agent_works_with_its_task_and_ends_it(broker: BrokerServer, tmp_path: Path) -> None:
    """Async and sync."""
    asynchronous, synchronous = programs("agents.md")

    assert run(asynchronous, broker, tmp_path) == "200\n"
    assert run(synchronous, broker, tmp_path) == "['Authorization']\n"

    assert len(broker.requests(f"POST /v1/tasks/{answers.TASK}/complete")) == 2
    (orders,) = broker.requests("GET /orders")
    assert orders.headers["Authorization"] == "Bearer canary-token"


def test_an_orchestrator_opens_ends_and_follows(broker: BrokerServer, tmp_path: Path) -> None:
    """To the last receipt."""
    program = programs("orchestrators.md")[0]

    assert run(program, broker, tmp_path) == "orders-api confirmed\nreconcile-invoices\n"


async def test_an_aiohttp_application_is_guarded_as_shown() -> None:
    """The application of the guide, with a verifier of the tests."""
    module: dict[str, object] = {"__name__": "shown"}
    exec(programs("resource-owners.md")[0], module)  # noqa: S102  the text is our own
    clock = FakeClock(now_ms=mint.NOW_MS)
    liveness = OfflineLiveness()
    verifier = Verifier(
        mint.ISSUER, mint.AUDIENCE, keys=mint.fixed_keys(), liveness=liveness, clock=clock
    )
    app = module["application"](verifier)  # type: ignore[operator]
    assert isinstance(app, web.Application)

    async with TestClient(TestServer(app)) as client:

        async def status(path: str, **headers: str) -> int:
            return (await client.get(path, headers=headers)).status

        good = f"Bearer {mint.token()}"
        assert await status("/healthz") == 200
        assert await status(f"/tasks/{mint.CHILD}/orders") == 401
        assert await status(f"/tasks/{mint.CHILD}/orders", Authorization=good) == 200
        assert await status(f"/tasks/{mint.ROOT}/orders", Authorization=good) == 403


def test_a_plain_call_says_why_it_refuses(broker: BrokerServer, tmp_path: Path) -> None:
    """The token of the tests is from another time and another issuer."""
    program = programs("resource-owners.md")[2]

    assert run(program, broker, tmp_path).startswith("401 Send an access token that the broker")


def test_a_decorated_function_runs_for_its_own_task_alone(
    broker: BrokerServer, tmp_path: Path
) -> None:
    """With a token that is good now, and with one that is not."""
    program = programs("resource-owners.md")[3]
    now = SystemClock().now_ms() // 1000
    good = mint.token(iss=broker.url, iat=now, iat_ms=now * 1000, exp=now + 600)

    own = run(program, broker, tmp_path, TOKEN=good, TASK=mint.CHILD)
    foreign = run(program, broker, tmp_path, TOKEN=good, TASK=mint.ROOT)
    old = run(program, broker, tmp_path)

    assert own == f"helper reads the orders of {mint.CHILD}\n"
    assert foreign.startswith("TaskMismatchError 403 ")
    assert old.startswith("TokenUntrustedError 401 ")
