"""Cursors are opaque, and good only for whom and for which list they were given."""

from collections.abc import Mapping

import pytest
from aiohttp import ClientSession

from broker.errors import InvalidRequestError
from broker.http.paging import seal, unseal
from tests.fakes.samples import TASK
from tests.fakes.services import Stage
from tests.http.shown import AGENT, OPERATOR, call

ORCHESTRATOR = {"Authorization": "Bearer token-of-orchestrator"}
GIVEN = seal("3.17", "me", "/v1/tasks", {"state": "open", "tenant": "acme"})


def test_a_cursor_comes_back_as_it_was() -> None:
    """Whatever the order in which the filters are written."""
    assert unseal(GIVEN, "me", "/v1/tasks", {"tenant": "acme", "state": "open"}) == "3.17"


@pytest.mark.parametrize(
    ("text", "caller", "path", "filters"),
    [
        (GIVEN, "you", "/v1/tasks", {"state": "open", "tenant": "acme"}),
        (GIVEN, "me", "/v1/other", {"state": "open", "tenant": "acme"}),
        (GIVEN, "me", "/v1/tasks", {"state": "open"}),
        (GIVEN, "me", "/v1/tasks", {"state": "open", "tenant": "globex"}),
        (GIVEN[:-1], "me", "/v1/tasks", {"state": "open", "tenant": "acme"}),
        ("A" + GIVEN[1:], "me", "/v1/tasks", {"state": "open", "tenant": "acme"}),
        (GIVEN[:12], "me", "/v1/tasks", {"state": "open", "tenant": "acme"}),
        ("x", "me", "/v1/tasks", {}),
        ("_" * 80, "me", "/v1/tasks", {}),
    ],
)
def test_a_cursor_of_another_list_is_refused(
    text: str, caller: str, path: str, filters: Mapping[str, str]
) -> None:
    """Another caller, route or filter; cut off, changed, made up."""
    with pytest.raises(InvalidRequestError) as refused:
        unseal(text, caller, path, filters)

    assert refused.value.field == "cursor"


@pytest.mark.parametrize(
    ("headers", "change"),
    [
        (OPERATOR, ("", "")),
        (ORCHESTRATOR, ("", "")),
        (AGENT, ("state=open", "state=failed")),
        (AGENT, ("state=open&", "")),
        (AGENT, ("/v1/tasks", f"/v1/tasks/{TASK}/credentials")),
    ],
)
async def test_the_next_page_is_only_for_whom_it_was_linked_to(
    client: ClientSession, stage: Stage, headers: dict[str, str], change: tuple[str, str]
) -> None:
    """Nothing is called; a field is named."""
    _, shown, _ = await call(client, "GET", "/v1/tasks?state=open", AGENT)
    assert "3.17" not in shown["next"]

    path = shown["next"].replace(*change) if change[0] else shown["next"]
    async with client.get(path, headers=headers) as answer:
        problem = await answer.json(content_type=None)

    assert (answer.status, problem["field"]) == (400, "cursor")
    assert stage.verbs() == ["listing.find"]
