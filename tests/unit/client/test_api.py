from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import pytest

from broker.client.api import BrokerClient
from broker.client.api_errors import AccessRefusedError, BrokerUnavailableError
from broker.client.endpoint import open_session
from broker.client.errors import BrokerAnswerError
from broker.client.results import Ceiling
from broker.errors import InvalidRequestError
from broker.secret import Secret
from tests.fakes import answers, broker_server
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer

TASK = answers.TASK
LEASE = mint.LEASE
REVOCATION = answers.REVOCATION
OPEN = {
    "name": "reconcile",
    "agent": "invoice-bot",
    "tenant": "acme",
    "ceiling": [Ceiling("orders-api", ("orders:read",))],
    "ttl_seconds": 600,
}

Ask = Callable[[BrokerClient], Awaitable[object]]
FINDING = answers.FINDING


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """Return a running broker."""
    async with broker_server.running(BrokerServer()) as server:
        yield server


@pytest.fixture
async def client(broker: BrokerServer) -> AsyncIterator[BrokerClient]:
    """Return a client of it."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        yield BrokerClient(broker.url, token, session)


ROUTES: list[tuple[str, object, Ask, object]] = [
    ("POST /v1/tasks", answers.task(), lambda c: c.tasks.open(**OPEN), None),
    ("GET /v1/tasks", {"tasks": [answers.task()]}, lambda c: c.tasks.find(), None),
    (f"GET /v1/tasks/{TASK}", answers.task(), lambda c: c.tasks.show(TASK), None),
    (
        f"POST /v1/tasks/{TASK}/claim",
        answers.task(),
        lambda c: c.tasks.claim(TASK, Secret("handle-1")),
        {"handle": "handle-1"},
    ),
    (f"POST /v1/tasks/{TASK}/heartbeat", answers.task(), lambda c: c.tasks.heartbeat(TASK), None),
    (
        f"POST /v1/tasks/{TASK}/extend",
        answers.task(),
        lambda c: c.tasks.extend(TASK, ttl_seconds=60),
        {"ttl_seconds": 60},
    ),
    (
        f"POST /v1/tasks/{TASK}/complete",
        answers.report(),
        lambda c: c.tasks.complete(TASK, reason="done"),
        {"reason": "done"},
    ),
    (f"POST /v1/tasks/{TASK}/fail", answers.report(), lambda c: c.tasks.fail(TASK), {}),
    (f"POST /v1/tasks/{TASK}/cancel", answers.report(), lambda c: c.tasks.cancel(TASK), {}),
    (
        f"POST /v1/tasks/{TASK}/freeze",
        answers.report(),
        lambda c: c.tasks.freeze(TASK, reason="odd"),
        {"reason": "odd"},
    ),
    (
        f"POST /v1/tasks/{TASK}/thaw",
        answers.task(),
        lambda c: c.tasks.thaw(TASK, reason="meant"),
        {"reason": "meant"},
    ),
    (
        "POST /v1/signals",
        {"finding": FINDING},
        lambda c: c.signals.send(Secret("e30.e30.e30")),
        {"signal": "e30.e30.e30"},
    ),
    ("GET /v1/findings", answers.findings(), lambda c: c.findings.find(state="open"), None),
    (f"GET /v1/findings/{FINDING}", answers.finding(), lambda c: c.findings.show(FINDING), None),
    (
        f"POST /v1/findings/{FINDING}/acknowledge",
        answers.finding(),
        lambda c: c.findings.acknowledge(FINDING, reason="seen"),
        {"reason": "seen"},
    ),
    (f"GET /v1/tasks/{TASK}/report", answers.report(), lambda c: c.tasks.report(TASK), None),
    (
        f"POST /v1/tasks/{TASK}/credentials",
        answers.issued(),
        lambda c: c.credentials.issue(
            TASK, "orders-api", scopes=["a"], ttl_seconds=9, labels={"run": "7"}
        ),
        {"capability": "orders-api", "scopes": ["a"], "ttl_seconds": 9, "labels": {"run": "7"}},
    ),
    (
        f"GET /v1/tasks/{TASK}/credentials",
        {"credentials": [answers.credential()]},
        lambda c: c.credentials.find(TASK),
        None,
    ),
    (
        f"GET /v1/credentials/{LEASE}",
        answers.credential(),
        lambda c: c.credentials.show(LEASE),
        None,
    ),
    (
        f"POST /v1/credentials/{LEASE}/renew",
        answers.issued(),
        lambda c: c.credentials.renew(LEASE),
        {},
    ),
    (
        f"DELETE /v1/credentials/{LEASE}",
        answers.credential(),
        lambda c: c.credentials.give_back(LEASE),
        None,
    ),
    (
        "POST /v1/revocations",
        answers.revocation(),
        lambda c: c.operator.revoke({"agent": "invoice-bot"}, reason="leaked", in_tenant="acme"),
        {"agent": "invoice-bot", "reason": "leaked", "in_tenant": "acme"},
    ),
    (
        "GET /v1/revocations",
        {"revocations": [answers.revocation()], "next": None},
        lambda c: c.operator.revocations(),
        None,
    ),
    (
        f"GET /v1/revocations/{REVOCATION}",
        answers.revocation(),
        lambda c: c.operator.revocation(REVOCATION),
        None,
    ),
    (
        f"GET /v1/revocations/{REVOCATION}/report",
        answers.report(revocation=answers.revocation()),
        lambda c: c.operator.revocation_report(REVOCATION),
        None,
    ),
    (
        f"GET /v1/decisions/{answers.DECISION}",
        answers.decision(),
        lambda c: c.operator.explain(answers.DECISION),
        None,
    ),
    (
        f"GET /v1/credentials/{answers.LEASE}/explanation",
        answers.granted(),
        lambda c: c.operator.explain_credential(answers.LEASE),
        None,
    ),
    ("GET /v1/shadow", answers.shadow(), lambda c: c.operator.shadow_report(), None),
    ("GET /v1/agents", {"agents": [answers.agent()]}, lambda c: c.operator.agents(), None),
    (
        "GET /v1/agents/invoice-bot",
        answers.agent_view(),
        lambda c: c.operator.agent("invoice-bot"),
        None,
    ),
    (
        "POST /oauth/introspect",
        {"active": True, "jti": LEASE},
        lambda c: c.introspect(Secret("token-1")),
        None,
    ),
    (
        "POST /v1/feed/ack",
        None,
        lambda c: c.acknowledge("orders-pod-1", 7, epoch="e1"),
        {"subscriber": "orders-pod-1", "seq": 7, "epoch": "e1"},
    ),
    ("GET /.well-known/jwks.json", mint.key_set(), lambda c: c.key_set(), None),
    ("GET /.well-known/oauth-authorization-server", {}, lambda c: c.metadata(), None),
    ("GET /healthz", {}, lambda c: c.is_healthy(), None),
    ("GET /readyz", {}, lambda c: c.readiness(), None),
    ("GET /metrics", b"up 1\n", lambda c: c.metrics(), None),
]
CREATING = {"tasks", "extend", "credentials", "renew", "revocations"}
PUBLIC = {"jwks.json", "oauth-authorization-server", "healthz", "readyz", "metrics"}


@pytest.mark.parametrize("case", ROUTES, ids=[case[0] for case in ROUTES])
async def test_each_route_is_asked_as_documented(
    broker: BrokerServer, client: BrokerClient, case: tuple[str, object, Ask, object]
) -> None:
    """Method, path, body, who calls, and a key on every POST that creates something."""
    route, answer, ask, body = case
    broker.answer(route, answer)

    await ask(client)

    (seen,) = broker.requests(route)
    last = seen.path.rpartition("/")[2]
    assert ("Authorization" in seen.headers) is (last not in PUBLIC)
    assert ("Idempotency-Key" in seen.headers) is (seen.method == "POST" and last in CREATING)
    if body is not None:
        assert seen.json == body


async def test_opening_sends_what_was_given_and_nothing_else(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """Defaults are the broker's; each member has the documented name."""
    broker.answer("POST /v1/tasks", answers.task())

    await client.tasks.open(**OPEN)
    await client.tasks.open(
        **OPEN,
        instance="pod-1",
        on_behalf_of="alice",
        tickets=["OPS-1"],
        resources=["dataset:orders"],
        idle_timeout_seconds=30,
        opener_timeout_seconds=0,
        parent=TASK,
        idempotency_key="mine",
    )

    least = {
        "name": "reconcile",
        "agent": "invoice-bot",
        "tenant": "acme",
        "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
        "ttl_seconds": 600,
    }
    first, second = broker.seen
    assert first.json == least
    assert second.json == least | {
        "instance": "pod-1",
        "on_behalf_of": "alice",
        "tickets": ["OPS-1"],
        "resources": ["dataset:orders"],
        "idle_timeout_seconds": 30,
        "opener_timeout_seconds": 0,
        "parent": TASK,
    }
    assert second.headers["Idempotency-Key"] == "mine"


async def test_two_requests_have_two_keys(broker: BrokerServer, client: BrokerClient) -> None:
    """A key that is made here is never made again."""
    broker.answer("POST /v1/tasks", answers.task())

    for _ in range(2):
        await client.tasks.open(**OPEN)

    keys = [seen.headers["Idempotency-Key"] for seen in broker.seen]
    assert len(set(keys)) == 2


async def test_answers_are_typed(broker: BrokerServer, client: BrokerClient) -> None:
    """Instants are aware, secrets are wrapped, what may be absent is None."""
    broker.answer("POST /v1/tasks", answers.task(claim_handle="canary-handle", new_member=1))
    broker.answer(f"POST /v1/tasks/{TASK}/credentials", answers.issued())

    task = await client.tasks.open(**OPEN)
    credential = await client.credentials.issue(TASK, "orders-api", scopes=["orders:read"])

    assert task.opened_at == datetime(2026, 11, 24, 5, 0, 0, 123_000, UTC)
    assert (task.closed_at, task.ceiling) == (None, (Ceiling("orders-api", ("orders:read",)),))
    assert task.claim_handle is not None
    assert task.claim_handle.reveal() == "canary-handle"
    assert credential.access_token.reveal() == "canary-token"
    assert "canary" not in f"{task!r} {credential!r}"


async def test_pages_follow_each_other(broker: BrokerServer, client: BrokerClient) -> None:
    """The cursor comes from the link, and all receipts come out once."""
    route = f"GET /v1/tasks/{TASK}/report"
    broker.answer(route, answers.report(following=f"/v1/tasks/{TASK}/report?cursor=a%3Ab&limit=9"))
    broker.answer(route, answers.report())

    receipts = [receipt async for receipt in client.tasks.receipts(TASK)]

    assert [receipt.state for receipt in receipts] == ["confirmed", "confirmed"]
    assert [seen.query for seen in broker.seen] == [{}, {"cursor": "a:b"}]


async def test_a_list_is_asked_for_with_its_filters(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """Only what was given is sent."""
    broker.answer("GET /v1/tasks", {"tasks": [], "next": None})

    page = await client.tasks.find(tenant="acme", state="open", cursor="c", limit=5)

    assert (page.tasks, page.cursor) == ((), "")
    expected = {"tenant": "acme", "state": "open", "cursor": "c", "limit": "5"}
    assert broker.seen[0].query == expected


HOSTILE = ["", ".", "..", "../x", "t_03_x", TASK + "/cancel", TASK + "?x", TASK + "\n", "%2e%2e"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "ask",
    [
        lambda c, text: c.tasks.show(text),
        lambda c, text: c.tasks.cancel(text),
        lambda c, text: c.credentials.issue(text, "x", scopes=["a"]),
        lambda c, text: c.credentials.show(text),
        lambda c, text: c.credentials.give_back(text),
        lambda c, text: c.operator.revocation(text),
        lambda c, text: c.operator.explain(text),
        lambda c, text: c.operator.explain_credential(text),
    ],
)
async def test_only_a_well_formed_id_becomes_part_of_a_path(
    broker: BrokerServer,
    client: BrokerClient,
    ask: Callable[[BrokerClient, str], Awaitable[object]],
    text: str,
) -> None:
    """Text from elsewhere cannot choose another route; nothing is sent."""
    with pytest.raises(InvalidRequestError):
        await ask(client, text)

    assert broker.seen == []


@pytest.mark.parametrize(
    "name",
    [*(text for text in HOSTILE if text[-2:] not in ("_x", "el")), "-x", "a:b", "a" * 129, "é"],
)
async def test_only_an_agent_s_name_becomes_part_of_a_path(
    broker: BrokerServer, client: BrokerClient, name: str
) -> None:
    """What no agent can be called is not asked for."""
    with pytest.raises(InvalidRequestError):
        await client.operator.agent(name)

    assert broker.seen == []


async def test_an_answer_about_another_agent_is_none(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """Whoever is about to revoke must be looking at the right one."""
    broker.answer("GET /v1/agents/report-bot", answers.agent_view())

    with pytest.raises(BrokerAnswerError):
        await client.operator.agent("report-bot")


async def test_agents_come_page_by_page(broker: BrokerServer, client: BrokerClient) -> None:
    """With the same filters on each page, and as many as were asked for."""
    broker.answer("GET /v1/agents", {"agents": [answers.agent()], "next": "/v1/agents?cursor=p2"})
    broker.answer("GET /v1/agents", {"agents": [answers.agent(name="report-bot")], "next": None})

    found = [agent.name async for agent in client.operator.all_agents(status="active", team="f")]

    assert found == ["invoice-bot", "report-bot"]
    filters = {"status": "active", "team": "f"}
    assert [seen.query for seen in broker.seen] == [filters, filters | {"cursor": "p2"}]


async def test_a_decision_is_typed(broker: BrokerServer, client: BrokerClient) -> None:
    """Down to each condition of each policy."""
    broker.answer(f"GET /v1/decisions/{answers.DECISION}", answers.decision())

    told = await client.operator.explain(answers.DECISION)

    assert told.trace.missing == ("the task's ceiling covers these",)
    (finding,) = told.explanation.considered
    assert [condition.holds for condition in finding.conditions] == [True, False, False]


async def test_a_refusal_says_which_decision(broker: BrokerServer, client: BrokerClient) -> None:
    """An operator can have it explained."""
    broker.problem("POST /v1/tasks", 403, "access-denied", decision=answers.DECISION)

    with pytest.raises(AccessRefusedError) as caught:
        await client.tasks.open(**OPEN)

    assert caught.value.decision == answers.DECISION


async def test_an_order_that_is_pending_somewhere_is_an_answer(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """202 is no error: the order names the buckets that have not taken it."""
    broker.answer("POST /v1/revocations", answers.revocation(), status=202)

    order = await client.operator.revoke({"all": True}, reason="drill")

    assert (order.acknowledged, order.pending_buckets) == (False, (7,))
    assert broker.seen[0].json == {"all": True, "reason": "drill"}


@pytest.mark.parametrize(("status", "is_good"), [(200, True), (503, False)])
async def test_a_probe_reports_what_it_finds(
    broker: BrokerServer, client: BrokerClient, status: int, *, is_good: bool
) -> None:
    """Not ready is an answer, asked for once."""
    broker.answer("GET /readyz", b'{"ready":"?"}', status=status)
    broker.answer("GET /healthz", status=status)

    assert await client.readiness() == (is_good, '{"ready":"?"}')
    assert await client.is_healthy() is is_good
    assert len(broker.seen) == 2


async def test_an_acknowledgement_that_was_not_taken_is_an_error(
    broker: BrokerServer, client: BrokerClient
) -> None:
    """Nobody goes on in the belief that the broker knows."""
    broker.answer("POST /v1/feed/ack", status=503)

    with pytest.raises(BrokerUnavailableError):
        await client.acknowledge("orders-pod-1", 7, epoch="e1")


async def test_a_client_does_not_send_tokens_in_clear_text() -> None:
    """It is refused before the first request."""

    async def token() -> str:
        raise AssertionError("nobody may ask")

    async with open_session() as session:
        with pytest.raises(ValueError, match="https"):
            BrokerClient("http://broker.example", token, session)
        BrokerClient("http://broker.example", token, session, allow_plain_http=True)
    async with aiohttp.ClientSession() as unfit:
        with pytest.raises(ValueError, match="cookies"):
            BrokerClient("https://broker.example", token, unfit)
