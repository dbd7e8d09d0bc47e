"""Health, readiness, metrics."""

from aiohttp import ClientSession

from broker.http.services import FactsState, Readiness, Reason
from tests.fakes.samples import TASK
from tests.fakes.services import Stage
from tests.http.shown import AGENT, call


async def test_health_is_always_well(client: ClientSession, stage: Stage) -> None:
    """A process that can answer is alive, ready or not."""
    stage.ready = Readiness(is_ready=False, mode="draining", durability="os")

    assert (await call(client, "GET", "/healthz", {}))[:2] == (200, {"alive": True})


async def test_readiness_says_what_is_wrong_and_what_to_do(
    client: ClientSession, stage: Stage
) -> None:
    """503 with reasons; 200 when there are none."""
    facts = {"revision": 0, "age_ms": -1}
    ready = {"ready": True, "mode": "full", "durability": "os", "facts": facts, "reasons": []}
    assert (await call(client, "GET", "/readyz", {}))[:2] == (200, ready)

    reason = Reason("the ledger does not answer", "start Redis at 127.0.0.1:6379")
    stage.ready = Readiness(
        is_ready=False,
        mode="revoke-only",
        durability="fsync",
        reasons=(reason,),
        facts=FactsState(revision=7, age_ms=250),
    )

    assert (await call(client, "GET", "/readyz", {}))[:2] == (
        503,
        {
            "ready": False,
            "mode": "revoke-only",
            "durability": "fsync",
            "facts": {"revision": 7, "age_ms": 250},
            "reasons": [{"what": reason.what, "remedy": reason.remedy}],
        },
    )


async def test_metrics_label_by_template(client: ClientSession, stage: Stage) -> None:
    """Ten thousand ids are one series (F14)."""
    for number in range(5):
        name = "t_07_" + "abcdefg"[number] * 26
        async with client.get(f"/v1/tasks/{name}", headers=AGENT):
            pass
    async with client.get("/v1/nothing/7"), client.get("/metrics") as answer:
        text = await answer.text()

    assert 'jit_requests_total{route="GET /v1/tasks/{task}",status="200"} 5.0' in text
    assert 'jit_requests_total{route="unmatched",status="404"} 1.0' in text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert len(stage.calls) == 5


async def test_issuing_is_timed(client: ClientSession) -> None:
    """Once for each credential."""
    body = {"capability": "orders-api", "scopes": ["orders:read"]}
    await call(client, "POST", f"/v1/tasks/{TASK}/credentials", AGENT, body)

    async with client.get("/metrics") as answer:
        assert "jit_issue_seconds_count 1.0" in await answer.text()
