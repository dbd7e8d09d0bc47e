"""The action for GitHub's jobs, before a broker and values that would speak to the runner."""

import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes import answers, broker_server
from tests.fakes.broker_server import BrokerServer
from tests.real.action_runner import ACTION, Job, TokenDesk

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]

ISSUE: Final = f"POST /v1/tasks/{answers.TASK}/credentials"
LINES: Final = (
    "-----BEGIN KEY-----\r\n"
    "EOF\n"
    "end-00000000-0000-0000-0000-000000000000\n"
    "PATH<<EOF\n/evil\nEOF\n"
    "::add-mask::x\n::stop-commands::word\n%0A::set-output name=task::t\n"
    "=<<\u2028\u0085 ümlaut"
)
"""A value that would end its own place in the runner's files, and begin another's."""

RUNNERS: Final = """
    PATH Path HOME NODE_OPTIONS node_extra_ca_certs GITHUB_ENV RUNNER_TEMP LD_PRELOAD BASH_ENV PS4
    PYTHONPATH PYTHONWARNINGS PERL5OPT RUBYOPT GIT_SSH_COMMAND GIT_CONFIG_COUNT GIT_ASKPASS CI
    JAVA_TOOL_OPTIONS _JAVA_OPTIONS PROMPT_COMMAND https_proxy 1A A-B A=B
"""
OWN: Final = ["ORDERS_TOKEN", "GIT_TOKEN", "NODEJS_TOKEN", "STATEMENT", "PATHWAY", "GITLAB", "_A"]
NAMES: Final = [*RUNNERS.split(), *OWN]
TAKEN: Final = """
const [file, ...names] = process.argv.slice(1);
const { checkVariable } = await import(file);
const isTaken = (name) => {
  try {
    checkVariable(name);
    return true;
  } catch {
    return false;
  }
};
console.log(JSON.stringify(names.filter(isTaken)));
"""
"""Prints those names that a step may set."""


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """A broker that says whatever a test lays ready."""
    async with broker_server.running(BrokerServer()) as server:
        server.answer("POST /v1/tasks", answers.task(claim_handle="handle"), status=201)
        server.answer(f"POST /v1/tasks/{answers.TASK}/claim", answers.task())
        yield server


@pytest.fixture
async def job(broker: BrokerServer, tmp_path: Path) -> AsyncIterator[Job]:
    """A job that opens its own task there."""

    async def mint(_audience: str) -> str:
        return "job-token"

    app = web.Application()
    app.router.add_get("/token", TokenDesk(mint).hand_out)
    async with TestServer(app, host="127.0.0.1") as server:
        inputs = {
            "url": broker.url,
            "name": "bill",
            "agent": "invoice-bot",
            "tenant": "acme",
            "credentials": "A: orders-api orders:read",
        }
        yield Job(tmp_path, str(server.make_url("/token?api-version=2.0")), inputs)


async def test_a_value_of_many_lines_is_one_variable_and_each_line_is_masked(
    broker: BrokerServer, job: Job
) -> None:
    """Whatever stands in it; and no later step has anything else."""
    issued: dict[str, Any] = {**answers.issued(), "secret": {"key": LINES}}
    del issued["access_token"]
    broker.answer(ISSUE, issued, status=201)

    began = await job.main()

    assert began.code == 0, began.text
    assert job.variables == {"A_KEY": LINES}
    shown = [line for line in began.text.split("\n") if line]
    assert all(line.startswith("::add-mask::") for line in shown), began.text
    masked = {line.removeprefix("::add-mask::").replace("%25", "%") for line in shown}
    assert {line for line in re.split(r"[\r\n]+", LINES) if line} <= masked


@pytest.mark.parametrize(
    "name", ["path", "node-options", "x y", "PYTHON_PATH", "ä"], ids=["p", "n", "x", "py", "u"]
)
async def test_the_words_of_a_credential_name_no_variable_of_the_runners(
    broker: BrokerServer, job: Job, name: str
) -> None:
    """They come below the variable that the workflow names."""
    broker.answer(ISSUE, {**answers.issued(), "secret": {name: "word"}}, status=201)

    began = await job.main()

    assert began.code == 0, began.text
    assert all(each.startswith("A_") for each in job.variables)


async def test_what_a_broker_says_of_a_refusal_is_one_line_of_the_log(
    broker: BrokerServer, job: Job
) -> None:
    """No command of its own, and no other line."""
    words = "no\n::stop-commands::word\r\n::add-mask::a\n::set-env name=PATH::/evil"
    broker.answer(ISSUE, {"title": words, "detail": words}, status=403)

    began = await job.main()

    lines = [line for line in began.text.splitlines() if not line.startswith("::add-mask::")]
    assert (began.code, len(lines)) == (1, 1)
    assert lines[0].startswith("::error::the broker answered 403: no%0A::stop-commands::word")
    assert job.variables == {}


async def test_a_task_that_is_no_task_reaches_no_other_route(
    broker: BrokerServer, job: Job
) -> None:
    """What another job hands on is a segment of a path, and one value of the state."""
    task = "../../revocations?x=1#T<<E"
    began = await job.main(task=task, **{"claim-handle": "a\nb"})

    assert began.code == 1, began.text
    assert job.state == {"task": task}
    assert {"a", "b"} <= began.masked
    assert {seen.path.split("/")[2] for seen in broker.seen} == {"tasks"}, broker.seen


async def test_a_redirect_takes_no_token_elsewhere(broker: BrokerServer, job: Job) -> None:
    """Neither the broker nor who stands before it sends a job's token on."""
    broker.answer(ISSUE, None, status=307, headers={"Location": f"{broker.url}/elsewhere"})

    began = await job.main()

    assert began.code == 1
    assert not [seen for seen in broker.seen if seen.path == "/elsewhere"]
    assert json.loads(job.state["order"])["body"]["name"] == "bill"


def test_no_variable_is_set_that_changes_how_steps_are_run() -> None:
    """Whatever case it is written in; a name of one's own is taken."""
    argv = ["node", "--input-type=module", "--eval", TAKEN, str(ACTION / "wishes.js"), *NAMES]

    told = subprocess.run(argv, capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert json.loads(told.stdout) == OWN
