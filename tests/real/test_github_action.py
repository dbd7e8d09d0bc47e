"""The action for GitHub's jobs, on Node, at a real broker: what a job has ends with it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from broker.dev.realms import job_claims
from tests.chaos.cast import CEILING, Cast
from tests.chaos.world import ORDERS, open_world
from tests.real.action_runner import ACTION, Job, TokenDesk

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

INSTANCE: Final = "700123/9001/1/39001"
JOBS_OPEN: Final = """
@id("jobs-open-their-own-task")
permit (principal is Agent, action == Action::"OpenTask", resource is Agent)
when { principal == resource };
"""


def let_jobs_open(config: Path) -> None:
    """Let a job open a task for itself, and for nobody else."""
    (config / "policies" / "50-jobs.cedar").write_text(JOBS_OPEN, encoding="utf-8")
    (config / "policies" / "tests.yaml").write_text("tests: []\n", encoding="utf-8")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cast() -> AsyncIterator[Cast]:
    """Everybody, at one broker that knows GitHub's jobs."""
    async with open_world(edit=let_jobs_open) as world:
        await world.slots[0].start()
        await world.start_witness(ORDERS, check="introspect")
        yield Cast(world)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(cast: Cast) -> AsyncIterator[tuple[TokenDesk, str]]:
    """Where jobs get their tokens, as the issuer that the broker trusts makes them."""
    claims = job_claims("acme", "billing", "9001")

    async def mint(audience: str) -> str:
        assert audience == "jit-broker"
        return (await cast.world.setup.passports.shaped("ci", claims, 300)).reveal()

    made = TokenDesk(mint)
    app = web.Application()
    app.router.add_get("/token", made.hand_out)
    async with TestServer(app, host="127.0.0.1") as server:
        yield made, str(server.make_url("/token?api-version=2.0"))


@pytest.fixture
def job(cast: Cast, desk: tuple[TokenDesk, str], tmp_path: Path) -> Job:
    """A job that opens its own task, under a name that no other has."""
    return Job(
        tmp_path,
        desk[1],
        {
            "url": cast.url,
            "audience": "jit-broker",
            "name": f"bill-{tmp_path.name}",
            "agent": "invoice-bot",
            "tenant": "acme",
            "credentials": "ORDERS_TOKEN: orders-api orders:read",
        },
        step=f"step-{tmp_path.name}",
    )


async def names_of(cast: Cast, job: Job) -> list[str]:
    """Return the states of all tasks of this job's name."""
    page = await cast.operator.client.tasks.find(tenant="acme", limit=200)
    return [each.state for each in page.tasks if each.name == job.inputs["name"]]


async def accepted(cast: Cast, token: str) -> bool:
    """Ask the resource server."""
    (witness,) = cast.world.witnesses
    return bool(await witness.accepts(token))


async def test_a_job_has_its_credential_until_it_is_over(cast: Cast, job: Job) -> None:
    """It is set for the steps that follow, no log shows it, and it is dead when the job is done."""
    began = await job.main()

    assert began.code == 0, began.text
    token = job.variables["ORDERS_TOKEN"]
    assert token in began.masked
    assert token not in began.shown
    assert "eyJ" not in began.shown
    assert await accepted(cast, token)
    ended = await job.post("success")
    assert (ended.code, ended.shown) == (0, f"ended {job.outputs['task']}")
    assert not await accepted(cast, token)
    task = await cast.operator.client.tasks.show(job.outputs["task"])
    assert (task.state, task.instance) == ("completed", INSTANCE)


@pytest.mark.parametrize(
    ("status", "state"), [("failure", "failed"), ("cancelled", "cancelled"), ("odd", "failed")]
)
async def test_it_ends_as_the_job_did(
    cast: Cast, desk: tuple[TokenDesk, str], job: Job, status: str, state: str
) -> None:
    """Of a task that an orchestrator opened for this job, too; GitHub may need asking again."""
    opened = await cast.orchestrator.client.tasks.open(
        name=job.inputs["name"],
        agent="invoice-bot",
        tenant="acme",
        ceiling=CEILING,
        ttl_seconds=600,
    )
    assert opened.claim_handle is not None
    handle = opened.claim_handle.reveal()
    given = {"task": opened.id, "claim-handle": handle}
    desk[0].failing = 2

    began = await job.main(**given)

    assert began.code == 0, began.text
    assert handle in began.masked
    assert handle not in began.shown
    assert (await job.post(status, **given)).code == 0
    assert await names_of(cast, job) == [state]
    assert not await accepted(cast, job.variables["ORDERS_TOKEN"])


async def test_a_step_that_is_refused_leaves_nothing_open(cast: Cast, job: Job) -> None:
    """Too much was asked for: the job says what, and its post step ends what was opened."""
    more = "A: orders-api orders:read\nB: orders-api orders:write"

    began = await job.main(credentials=more)

    assert began.code == 1
    assert "::error::the broker answered 403: " in began.shown
    assert set(job.variables) == {"A"}
    assert (await job.post("failure", credentials=more)).code == 0
    assert await names_of(cast, job) == ["failed"]


async def test_a_job_that_died_while_it_opened_its_task_leaves_none(cast: Cast, job: Job) -> None:
    """Whether the broker had opened it or not: what was saved before finds it again."""
    await job.main()
    del job.state["task"]

    ended = await job.post("cancelled")

    assert (ended.code, ended.shown) == (0, f"ended {job.outputs['task']}")
    assert await names_of(cast, job) == ["cancelled"]


async def test_a_job_that_never_began_has_nothing_to_end(cast: Cast, job: Job) -> None:
    """And says so; ending twice is harmless."""
    assert (await job.post("failure")).shown == "no task was begun"
    assert await names_of(cast, job) == []
    await job.main()
    first, again = await job.post("success"), await job.post("failure")

    assert (first.code, again.code, await names_of(cast, job)) == (0, 0, ["completed"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"url": "http://broker.example"}, "url: write https://host"),
        ({"url": "https://user@broker.example"}, "url: write https://host"),
        ({"url": ""}, "url: this input is required"),
        ({"credentials": "NODE_OPTIONS: orders-api orders:read"}, '"NODE_OPTIONS" cannot be set'),
        ({"credentials": "GITHUB_ENV: orders-api orders:read"}, '"GITHUB_ENV" cannot be set'),
        ({"credentials": "A=B: orders-api orders:read"}, '"A=B" cannot be set'),
        ({"credentials": "A: orders-api"}, "write VARIABLE: capability scope"),
        ({"credentials": "A: x y\na: x y"}, "two set one variable"),
        ({"credentials": ""}, "say what the new one is for"),
        ({"ttl-seconds": "1h"}, "ttl-seconds: write a whole number"),
        ({"agent": ""}, "agent: this input is required"),
    ],
    ids=range(11),
)
async def test_what_is_wrong_is_said_with_its_input(
    cast: Cast, job: Job, changed: dict[str, str], says: str
) -> None:
    """Before anything is opened, as one error of the job."""
    began = await job.main(**changed)

    assert (began.code, began.text.count("::error::")) == (1, 1)
    assert says in began.text
    assert job.variables == {}
    assert await names_of(cast, job) == []


async def test_who_may_not_ask_for_a_token_is_told_the_permission(job: Job) -> None:
    """It is the mistake that everybody makes once."""
    job.desk_url = ""

    began = await job.main()

    assert (began.code, "id-token: write" in began.text) == (1, True)


async def test_the_action_is_described_as_its_files_are() -> None:
    """What it names is there; every input that the code reads has a description."""
    described = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))

    assert {described["runs"][name] for name in ("main", "post")} <= {
        file.name for file in ACTION.iterdir()
    }
    assert described["runs"]["post-if"] == "always()"
    assert described["inputs"]["job-status"]["default"] == "${{ job.status }}"
