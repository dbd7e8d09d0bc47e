"""Versions, methods, slashes and escapes in paths."""

import pytest
from aiohttp import ClientSession
from yarl import URL

from tests.fakes.samples import TASK
from tests.fakes.services import Stage

AGENT = {"Authorization": "Bearer token-of-agent"}
SHOW = f"/v1/tasks/{TASK}"


@pytest.mark.parametrize("path", ["/v2/tasks", "/v0/tasks", "/v11/tasks", "/v2", "/v2/", "/v1"])
async def test_another_version_is_told_from_what_is_absent(
    client: ClientSession, stage: Stage, path: str
) -> None:
    """A client that is newer than the broker learns so."""
    async with client.get(path, headers=AGENT) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["type"].rpartition("/")[2]) == (404, "unknown-version")
    assert "/v1/" in problem["detail"]
    assert stage.calls == []


@pytest.mark.parametrize(
    "path",
    ["/v1/tasks/", f"{SHOW}/", "/v1//tasks", "/V1/tasks", "/tasks", "/", "/v1/", "/vx/tasks"],
)
async def test_a_path_is_served_in_one_form_only(
    client: ClientSession, stage: Stage, path: str
) -> None:
    """No slash is added, taken away or redirected: a rule of a proxy then means what it says."""
    async with client.get(path, headers=AGENT, allow_redirects=False) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["type"].rpartition("/")[2]) == (404, "not-found")
    assert stage.calls == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/tasks", "GET,POST"),
        ("HEAD", "/v1/tasks", "GET,POST"),
        ("OPTIONS", "/v1/tasks", "GET,POST"),
        ("OPTIONS", SHOW, "GET"),
        ("PATCH", f"/v1/credentials/{TASK}", "DELETE,GET"),
        ("POST", "/healthz", "GET,HEAD"),
        ("OPTIONS", "/v1/openapi.json", "GET,HEAD"),
        ("TRACE", SHOW, "GET"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_told_those_that_it_has(
    client: ClientSession, stage: Stage, method: str, path: str, allowed: str
) -> None:
    """RFC 9110 §15.5.6, without asking who calls: the contract is public."""
    async with client.request(method, path) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)

    assert stage.calls == []


async def test_what_is_public_answers_a_head_without_a_body(client: ClientSession) -> None:
    """The length is that of the GET."""
    for path in ("/healthz", "/v1/openapi.json", "/problems/not-found"):
        async with client.get(path) as got:
            length = len(await got.read())
        async with client.head(path) as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(length))
            assert await answer.read() == b""


async def test_an_escaped_id_is_the_id(client: ClientSession, stage: Stage) -> None:
    """RFC 3986 §2.3: an unreserved character and its escape are the same."""
    path = URL(SHOW.replace("_", "%5F"), encoded=True)
    async with client.get(path, headers=AGENT) as answer:
        assert answer.status == 200

    assert stage.calls[0].arguments == (TASK,)


@pytest.mark.parametrize(
    "escaped", ["%2F", "%00", "%0A", "%252F", "%C0%AF", "%ff", "%20", "%2e%2e%2f"]
)
async def test_an_escape_never_leaves_its_part_of_the_path(
    client: ClientSession, stage: Stage, escaped: str
) -> None:
    """It is a wrong id, not another route."""
    path = URL(f"{SHOW}{escaped}", encoded=True)
    async with client.get(path, headers=AGENT) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["field"]) == (400, "task")
    assert stage.calls == []
