import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web

from broker.client.api_errors import AccessRefusedError
from broker.client.errors import (
    BrokerUnreachableError,
    ClosedError,
    ForkedError,
    TaskLostError,
    TokenSourceError,
    WrongLoopError,
)
from broker.client.results import Ceiling
from broker.client.sync_api import (
    SyncBrokerClient,
    SyncTaskScope,
)
from tests.fakes import answers, serving_thread
from tests.fakes.broker_server import BrokerServer, Seen

OPEN = "POST /v1/tasks"
BEAT = f"POST /v1/tasks/{answers.TASK}/heartbeat"
ISSUE = f"POST /v1/tasks/{answers.TASK}/credentials"
SHOW = f"GET /v1/tasks/{answers.TASK}"
STATES = {"complete": "completed", "fail": "failed", "cancel": "cancelled"}


@pytest.fixture
def broker() -> Iterator[BrokerServer]:
    """Return a broker that opens, issues and ends."""
    with serving_thread.running(BrokerServer()) as server:
        server.answer(OPEN, answers.task())
        server.answer(SHOW, answers.task())
        server.answer(BEAT, answers.task())
        server.answer(ISSUE, answers.issued())
        for verb, state in STATES.items():
            ended = answers.report(task=answers.task(state=state, alive=False))
            server.answer(f"POST /v1/tasks/{answers.TASK}/{verb}", ended)
        yield server


def workload() -> str:
    """Return the workload token."""
    return "workload"


@pytest.fixture
def client(broker: BrokerServer) -> Iterator[SyncBrokerClient]:
    """Return a client of it."""
    with SyncBrokerClient(broker.url, workload) as client:
        yield client


def scope(client: SyncBrokerClient) -> SyncTaskScope:
    """Return a task that has not been opened."""
    ceiling = [Ceiling("orders-api", ("orders:read",))]
    return client.task(name="n", agent="a", tenant="acme", ceiling=ceiling, ttl_seconds=60)


def ended(broker: BrokerServer) -> list[str]:
    """Return how the task was ended, once per request that said so."""
    last = [seen.path.rpartition("/")[2] for seen in broker.seen]
    return [verb for verb in last if verb in STATES]


def test_a_call_waits_for_its_answer(broker: BrokerServer, client: SyncBrokerClient) -> None:
    """And sends what the async one sends."""
    assert client.tasks.show(answers.TASK).id == answers.TASK
    assert broker.seen[0].headers["Authorization"] == "Bearer workload"
    assert client.tasks.show.__name__ == "show"


def test_refusals_and_failures_are_the_same_classes(
    broker: BrokerServer, client: SyncBrokerClient
) -> None:
    """A caller catches what the async one catches."""
    broker.problem("GET /v1/tasks", 403, "access-denied")
    with pytest.raises(AccessRefusedError):
        client.tasks.find()

    broker.vanish("POST /v1/revocations")
    with pytest.raises(BrokerUnreachableError):
        client.operator.revoke({"all": True}, reason="drill")


def test_a_list_is_an_iterator(broker: BrokerServer, client: SyncBrokerClient) -> None:
    """Page by page; whoever stops early stops asking."""
    route = f"GET /v1/tasks/{answers.TASK}/report"
    broker.answer(route, answers.report(following="/v1/x?cursor=a"))
    broker.answer(route, answers.report(following="/v1/x?cursor=b"))
    broker.answer(route, answers.report())

    assert len(list(client.tasks.receipts(answers.TASK))) == 3
    assert len(list(client.tasks.receipts(answers.TASK, at_most=0))) == 0
    for _ in client.tasks.receipts(answers.TASK):
        break


def test_success_completes_the_task(broker: BrokerServer, client: SyncBrokerClient) -> None:
    """With the credential in between, and the report afterwards."""
    with scope(client) as task:
        held = task.credential("orders-api", scopes=("orders:read",))
        assert held.authorization() == {"Authorization": "Bearer canary-token"}
        assert held.headers("GET", "http://orders/") == held.authorization()
        assert held.token().reveal() == held.current.access_token.reveal()
        assert not task.is_lost
        task.ensure_open()

    assert ended(broker) == ["complete"]
    assert task.report is not None
    with pytest.raises(ClosedError):
        held.token()


@pytest.mark.parametrize(
    ("error", "verb"),
    [
        (ZeroDivisionError, "fail"),
        (KeyboardInterrupt, "cancel"),
        (SystemExit, "cancel"),
        (GeneratorExit, "cancel"),
    ],
)
def test_each_way_out_has_its_word(
    broker: BrokerServer, client: SyncBrokerClient, error: type[BaseException], verb: str
) -> None:
    """A failure fails it; being told to stop cancels it; the caller sees its own exception."""
    with pytest.raises(error), scope(client):
        raise error

    assert ended(broker) == [verb]


def test_a_task_that_was_ended_by_another_is_no_success(
    broker: BrokerServer, client: SyncBrokerClient
) -> None:
    """The same typed error as in the async client."""
    by_other = answers.report(task=answers.task(state="cancelled", closed_by="operator:eve"))
    broker._replies.pop(f"POST /v1/tasks/{answers.TASK}/complete")  # noqa: SLF001  laid again
    broker.answer(f"POST /v1/tasks/{answers.TASK}/complete", by_other)

    with pytest.raises(TaskLostError, match="operator:eve"), scope(client):
        pass


def test_closing_cancels_what_is_still_open(broker: BrokerServer) -> None:
    """A block that never came to its end does not leave its task open."""
    client = SyncBrokerClient(broker.url, workload)
    scope(client).__enter__()

    client.close()
    client.close()

    assert ended(broker) == ["cancel"]
    with pytest.raises(ClosedError):
        client.tasks.show(answers.TASK)


def test_threads_share_one_client(broker: BrokerServer, client: SyncBrokerClient) -> None:
    """Each with its own task."""

    def work() -> None:
        with scope(client) as task:
            task.issue("orders-api", scopes=("orders:read",))

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ended(broker) == ["complete"] * 20


async def test_it_works_in_a_thread_that_has_a_loop_of_its_own(broker: BrokerServer) -> None:
    """It blocks that loop, and does not get stuck with it."""
    with SyncBrokerClient(broker.url, workload) as client:
        assert client.tasks.show(answers.TASK).id == answers.TASK


def test_the_token_source_may_be_async_and_may_fail(broker: BrokerServer) -> None:
    """One that fails is a typed error."""

    async def later() -> str:
        await asyncio.sleep(0)
        return "later"

    def broken() -> str:
        raise OSError("canary")

    with SyncBrokerClient(broker.url, later) as client:
        client.tasks.show(answers.TASK)
    assert broker.seen[0].headers["Authorization"] == "Bearer later"
    with SyncBrokerClient(broker.url, broken) as client, pytest.raises(TokenSourceError):
        client.tasks.show(answers.TASK)


def test_a_call_from_within_its_own_loop_is_refused(broker: BrokerServer) -> None:
    """It would wait for itself for ever."""
    clients: list[SyncBrokerClient] = []

    async def recursive() -> str:
        with pytest.raises(WrongLoopError):
            clients[0].is_healthy()
        return "token"

    with SyncBrokerClient(broker.url, recursive) as client:
        clients.append(client)
        client.tasks.show(answers.TASK)


def test_a_url_that_is_not_fit_leaves_no_thread() -> None:
    """The mistake shows at once."""
    with pytest.raises(ValueError, match="https"):
        SyncBrokerClient("http://broker.example", workload)

    assert not [each for each in threading.enumerate() if each.name == "jit-broker-client"]


PRELUDE = """
import os, sys, threading
from broker.client import SyncBrokerClient, Ceiling
def client():
    return SyncBrokerClient(sys.argv[1], lambda: "workload")
def scope(c):
    ceiling = [Ceiling("orders-api", ("orders:read",))]
    return c.task(name="n", agent="a", tenant="acme", ceiling=ceiling, ttl_seconds=60)
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(broker: BrokerServer) -> Run:
    """Run a program that uses the client, to its end."""

    def program(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our own interpreter and our own text
            [sys.executable, "-W", "error", "-c", PRELUDE + text, broker.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    return program


def test_the_end_of_the_interpreter_cancels_what_a_daemon_thread_has_open(
    broker: BrokerServer, run: Run
) -> None:
    """Its block never comes to its end, and its task does."""
    done = run("""
entered = threading.Event()
def work():
    with scope(client()):
        entered.set()
        threading.Event().wait()
threading.Thread(target=work, daemon=True).start()
entered.wait()
""")

    assert (done.returncode, done.stderr) == (0, "")
    assert ended(broker) == ["cancel"]


def test_a_program_that_closes_nothing_ends_quietly(broker: BrokerServer, run: Run) -> None:
    """No hang, no warning."""
    done = run("c = client(); print(c.is_healthy.__name__); scope(c).__enter__()")

    assert (done.returncode, done.stdout, done.stderr) == (0, "is_healthy\n", "")
    assert ended(broker) == ["cancel"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_is_refused_and_ends_nothing_of_its_parent(
    broker: BrokerServer, run: Run
) -> None:
    """Neither by a call, nor by leaving the block, nor by its end."""
    done = run("""
import warnings
from broker.client.errors import ForkedError
warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads: that is the point
c = client()
refused = []
with scope(c) as task:
    child = os.fork()
    if child == 0:
        try:
            task.issue("orders-api", scopes=("a",))
        except ForkedError as error:
            refused.append(error.remedy)
        try:
            sys.exit(0)
        finally:
            print("child", len(refused), flush=True)
    assert os.waitpid(child, 0)[1] == 0
""")

    assert (done.returncode, done.stdout) == (0, "child 1\n")
    assert ended(broker) == ["complete"]
    assert ForkedError.remedy


def test_an_interrupt_cancels_the_task(broker: BrokerServer) -> None:
    """Ctrl-C in a program: the task is cancelled, and the program ends by the interrupt."""
    body = 'with scope(client()):\n    print("in", flush=True)\n    threading.Event().wait()'
    with subprocess.Popen(  # noqa: S603  our own interpreter and our own text
        [sys.executable, "-c", PRELUDE + body, broker.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "in\n"
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=50)

    assert "KeyboardInterrupt" in said
    assert ended(broker) == ["cancel"]


def test_a_second_interrupt_does_not_stop_the_report_of_the_end(broker: BrokerServer) -> None:
    """The program stops waiting; closing the client sees it through."""
    route = f"POST /v1/tasks/{answers.TASK}/cancel"
    broker._replies.pop(route)  # noqa: SLF001  laid again: slowly
    arrived, released = threading.Event(), threading.Event()

    async def slowly(_: Seen) -> web.Response:
        arrived.set()
        await asyncio.to_thread(released.wait)
        return web.json_response(answers.report(task=answers.task(state="cancelled")))

    broker.reply(route, slowly)
    body = """
try:
    with client() as c, scope(c):
        print("in", flush=True)
        threading.Event().wait()
finally:
    print("out", flush=True)
"""
    with subprocess.Popen(  # noqa: S603  our own interpreter and our own text
        [sys.executable, "-c", PRELUDE + body, broker.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "in\n"
        program.send_signal(signal.SIGINT)
        assert arrived.wait(30)
        program.send_signal(signal.SIGINT)
        released.set()
        assert program.stdout.read() == "out\n"

    assert ended(broker) == ["cancel"]
