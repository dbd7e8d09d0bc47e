"""What verbs raise, as callers see it."""

import asyncio
import json

import pytest
from aiohttp import ClientConnectionError, ClientSession

from broker import errors
from tests.fakes.samples import DECISION, TASK
from tests.fakes.services import Stage

AGENT = {"Authorization": "Bearer token-of-agent"}
CANARY = "canary-of-the-broker"
PATH = f"/v1/tasks/{TASK}"


TELLING = ("quota-exceeded", "issuance-failed")
"""Problems whose text the broker has written for callers."""


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidRequestError("use less", field="labels"), 400, "invalid-request"),
        (errors.IdempotencyConflictError("use a new key"), 422, "idempotency-conflict"),
        (errors.AccessDeniedError(CANARY, decision_id=DECISION), 403, "access-denied"),
        (errors.NotFoundError(CANARY), 404, "not-found"),
        (errors.TaskClosedError(CANARY), 409, "task-closed"),
        (errors.LeaseError(CANARY), 409, "credential"),
        (errors.LeaseEndedError(CANARY), 410, "credential-ended"),
        (errors.LeaseNotRenewableError(CANARY), 409, "credential-not-renewable"),
        (errors.QuotaExceededError("agent", retry_after_ms=2_001), 429, "quota-exceeded"),
        (errors.UnavailableError(CANARY), 503, "unavailable"),
        (errors.StoreUnavailableError(CANARY), 503, "store-unavailable"),
        (errors.StaleFactsError(CANARY), 503, "stale-facts"),
        (errors.IssuanceError("target x, capability y: late"), 502, "issuance-failed"),
        (errors.TargetBusyError("target x, capability y: busy"), 502, "issuance-failed"),
        (errors.ConfigurationError(CANARY), 500, "configuration"),
        (errors.BrokerError(CANARY), 500, "internal"),
        (RuntimeError(CANARY), 500, "internal"),
        (KeyError(CANARY), 500, "internal"),
        (ConnectionResetError(CANARY), 500, "internal"),
        (TimeoutError(CANARY), 500, "internal"),
        (RecursionError(CANARY), 500, "internal"),
    ],
)
async def test_errors_become_problems(
    client: ClientSession, stage: Stage, error: Exception, status: int, code: str
) -> None:
    """Status and type by class; the text only where callers may read it, never a canary."""
    stage.errors["tasks.show"] = error

    async with client.get(PATH, headers=AGENT) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == problem["status"] == status
    assert problem["type"] == f"https://jit-broker.example/problems/{code}"
    assert problem["title"]
    assert (str(error) in problem["detail"]) == (code in TELLING or status in (400, 422))
    assert CANARY not in json.dumps(problem)


async def test_absent_and_foreign_are_the_same_bytes(client: ClientSession, stage: Stage) -> None:
    """Whatever the verb had in mind (I6, I16)."""
    bodies = set()
    for text in ("no such task", "of another tenant", ""):
        stage.errors["tasks.show"] = errors.NotFoundError(text)
        async with client.get(PATH, headers=AGENT) as answer:
            bodies.add((answer.status, await answer.read()))

    assert len(bodies) == 1


async def test_a_denial_tells_the_decision_and_nothing_else(
    client: ClientSession, stage: Stage
) -> None:
    """An operator can look it up; the log has the reason."""
    stage.errors["tasks.show"] = errors.AccessDeniedError("beyond-ceiling", decision_id=DECISION)

    async with client.get(PATH, headers=AGENT) as answer:
        problem = await answer.json(content_type=None)

    assert problem["decision"] == DECISION
    assert "ceiling" not in json.dumps(problem)
    assert stage.logs.entries[-1]["reason"] == "beyond-ceiling"
    assert stage.logs.entries[-1]["decision"] == DECISION


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.QuotaExceededError("agent", retry_after_ms=1), "1"),
        (errors.QuotaExceededError("agent", retry_after_ms=0), "1"),
        (errors.QuotaExceededError("agent", retry_after_ms=2_000), "2"),
        (errors.QuotaExceededError("agent", retry_after_ms=2_001), "3"),
        (errors.StoreUnavailableError("x"), "1"),
        (errors.NotFoundError("x"), None),
    ],
)
async def test_retry_after_is_in_whole_seconds(
    client: ClientSession, stage: Stage, error: Exception, seconds: str | None
) -> None:
    """Rounded up; only where trying again helps."""
    stage.errors["tasks.show"] = error

    async with client.get(PATH, headers=AGENT) as answer:
        assert answer.headers.get("Retry-After") == seconds


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (errors.InvalidRequestError('say "x"\\ä'), 400, "invalid_request"),
        (errors.AccessDeniedError("x"), 403, "access_denied"),
        (errors.UnavailableError("x"), 503, "temporarily_unavailable"),
        (RuntimeError(CANARY), 500, "server_error"),
    ],
)
async def test_oauth_paths_speak_oauth(
    client: ClientSession, stage: Stage, error: Exception, status: int, word: str
) -> None:
    """RFC 6749 §5.2: its codes, its charset."""
    stage.errors["introspection.introspect"] = error
    headers = {"Authorization": "Bearer token-of-resource"}

    async with client.post("/oauth/introspect", data={"token": "t"}, headers=headers) as answer:
        problem = await answer.json()

    assert (answer.status, problem["error"]) == (status, word)
    text = problem["error_description"]
    assert all(" " <= character <= "~" and character not in '"\\' for character in text)
    assert CANARY not in text


async def test_oauth_paths_answer_401_in_oauth(client: ClientSession) -> None:
    """RFC 7662 §2.3."""
    async with client.post("/oauth/introspect", data={"token": "t"}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer, DPoP algs="ES256 EdDSA"'
        assert (await answer.json())["error"] == "invalid_client"


async def test_our_own_failures_are_logged_with_their_trace(
    client: ClientSession, stage: Stage
) -> None:
    """The caller has the id by which an operator finds it."""
    stage.errors["tasks.show"] = RuntimeError("x")

    async with client.get(PATH, headers=AGENT) as answer:
        entry = stage.logs.entries[-1]

    assert entry["log_level"] == "error"
    assert entry["exc_info"] is stage.errors["tasks.show"]
    assert entry["request_id"] == answer.headers["X-Request-Id"]
    assert entry["caller"] == "agent:invoice-bot"


async def test_answered_requests_are_silent(client: ClientSession, stage: Stage) -> None:
    """Unless the configuration wants them."""
    async with client.get(PATH, headers=AGENT):
        pass

    assert stage.logs.entries == []


async def test_a_cancelled_verb_closes_the_connection(client: ClientSession, stage: Stage) -> None:
    """Cancelling is not an error to answer, and must not hang the caller."""
    stage.errors["tasks.show"] = asyncio.CancelledError()

    with pytest.raises(ClientConnectionError):
        await client.get(PATH, headers=AGENT)
