"""What is published, over HTTP: shapes only; who may see it is judged elsewhere."""

import pytest
from aiohttp import ClientSession

from tests.fakes.services import Stage
from tests.http.shown import OPERATOR, call


async def test_a_list_of_revisions(client: ClientSession) -> None:
    """Each with who, when and why."""
    status, shown, _ = await call(client, "GET", "/v1/revisions", OPERATOR)

    assert status == 200
    assert shown["next"] is None
    (revision,) = shown["revisions"]
    assert revision["revision"] == 2
    assert (revision["published_by"], revision["reason"]) == ("uid-1@host", "OPS-17")
    assert revision["rollback_of"] == 1


async def test_one_revision(client: ClientSession, stage: Stage) -> None:
    """With what it says; asked by its number."""
    status, shown, _ = await call(client, "GET", "/v1/revisions/2", OPERATOR)

    assert (status, shown["bundle"]) == (200, {"version": 1})
    assert stage.calls[-1].arguments == (2,)


async def test_the_state_of_the_keys(client: ClientSession) -> None:
    """Public names and states; what each broker serves."""
    status, shown, _ = await call(client, "GET", "/v1/keys", OPERATOR)

    assert (status, shown["manifest"]) == (200, 4)
    assert [(key["kid"], key["state"]) for key in shown["keys"]] == [("k1", "active")]
    assert [(key["kid"], key["how"]) for key in shown["gone"]] == [("k0", "retired")]
    assert [each["can_sign"] for each in shown["brokers"]] == [["k1"]]


async def test_a_candidate_s_report(client: ClientSession) -> None:
    """Every outcome, also those that never came; differences by how often."""
    status, shown, _ = await call(client, "GET", "/v1/shadow", OPERATOR)

    assert (status, shown["is_running"], shown["stopped_at"]) == (200, True, None)
    assert shown["outcomes"] == {
        "same": 2,
        "now-refused": 1,
        "now-granted": 0,
        "missed": 0,
        "failed": 0,
    }
    [difference] = shown["differences"]
    assert (difference["direction"], difference["count"]) == ("now-refused", 1)


@pytest.mark.parametrize("path", ["/v1/revisions", "/v1/revisions/1", "/v1/keys", "/v1/shadow"])
async def test_no_parameters_are_taken(client: ClientSession, path: str) -> None:
    """What would be passed over is refused."""
    async with client.get(f"{path}?limit=3", headers=OPERATOR) as answer:
        assert answer.status == 400
