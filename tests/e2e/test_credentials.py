"""Credentials from issue to end, through the API."""

import jwt
import pytest

from tests.fakes.cast import (
    AGENT,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    REPORTER,
    REPORTS,
    STOCK_AGENT,
    STOCK_ORCHESTRATOR,
    Who,
)
from tests.fakes.world import World, seconds_between
from tests.fakes.world_config import BROKER, ISSUERS, LEGACY

WRITE = [{"capability": "orders-api", "scopes": ["orders:read", "orders:write"]}]
REPORT = [{"capability": "reports-read", "scopes": ["reports:read"]}]
OFFLINE = [{"capability": "legacy-api", "scopes": ["orders:read"]}]


def claims_of(token: str) -> dict[str, object]:
    """Read a token without checking it."""
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


def header_of(token: str) -> dict[str, object]:
    """Read a token's header."""
    return dict(jwt.get_unverified_header(token))


async def test_a_token_says_what_was_granted(world: World) -> None:
    """Every claim of the format, and nothing else."""
    task = await world.open(on_behalf_of="alice")

    issued = await world.issue(task["id"])

    claims = claims_of(issued["access_token"])
    assert header_of(issued["access_token"]).keys() == {"alg", "kid", "typ"}
    assert header_of(issued["access_token"])["typ"] == "at+jwt"
    assert claims == {
        "iss": BROKER,
        "sub": "user:alice",
        "aud": "https://orders.example",
        "exp": claims["exp"],
        "iat": int(str(claims["iat_ms"])) // 1000,
        "jti": issued["id"],
        "client_id": "invoice-bot",
        "scope": "orders:read",
        "task": task["id"],
        "path": [task["id"]],
        "agent": "invoice-bot",
        "instance": "pod-1",
        "capability": "orders-api",
        "tenant": "acme",
        "evidence_issuer": ISSUERS[0],
        "act": {"sub": "agent:invoice-bot"},
        "iat_ms": claims["iat_ms"],
    }


async def test_the_answer_and_the_token_agree(world: World) -> None:
    """Dates, scope, audience, generation; the lifetime is the capability's default."""
    task = await world.open()

    issued = await world.issue(task["id"])

    claims = claims_of(issued["access_token"])
    lived = seconds_between(issued["issued_at"], issued["expires_at"])
    assert 299 < lived <= 300
    assert issued["expires_in"] in (299, 300)
    assert claims["exp"] - claims["iat"] in (299, 300)
    assert (issued["token_type"], issued["generation"], issued["kind"]) == ("Bearer", 1, "jwt")
    assert (issued["scope"], issued["audience"]) == (claims["scope"], claims["aud"])
    assert issued["renewable"]


@pytest.mark.parametrize(
    ("asked", "most"), [(60, 60), (900, 600), (28_800, 600)], ids=["less", "task", "capability"]
)
async def test_a_credential_lives_as_long_as_the_shortest_bound(
    world: World, asked: int, most: int
) -> None:
    """What was asked for, the capability's longest (900 s), the task's rest (600 s)."""
    task = await world.open(ttl_seconds=600)

    issued = await world.issue(task["id"], ttl_seconds=asked)

    lived = seconds_between(issued["issued_at"], issued["expires_at"])
    assert most - 1.001 <= lived <= most


async def test_a_credential_ends_with_the_evidence_that_it_was_granted_on(world: World) -> None:
    """A workload token with ten seconds left justifies ten seconds."""
    task = await world.open()
    now = claims_of(world.token(AGENT))["iat"]
    brief = world.token(AGENT, exp=now + 10)

    answer = await world.post(
        brief,
        f"/v1/tasks/{task['id']}/credentials",
        {"capability": "orders-api", "scopes": ["orders:read"]},
    )

    assert answer.status == 201
    assert claims_of(answer["access_token"])["exp"] == now + 10


async def test_an_obligation_shortens(world: World) -> None:
    """Writing needs a ticket, and lives two minutes, renewals included."""
    task = await world.open(ceiling=WRITE, tickets=["OPS-1"])

    issued = await world.issue(task["id"], scopes=["orders:write"], ttl_seconds=600)

    assert seconds_between(issued["issued_at"], issued["max_expires_at"]) <= 120


async def test_what_policy_does_not_permit_is_refused(world: World) -> None:
    """The caller learns that it may not, and a number to quote; nothing is minted."""
    task = await world.open(ceiling=WRITE)

    refused = await world.ask(task["id"], scopes=["orders:write"])

    assert (refused.status, refused.code) == (403, "access-denied")
    assert set(refused.body) == {"type", "title", "status", "detail", "decision"}
    assert refused["decision"].startswith("d_")
    assert await world.told("lease.issued") == 0


@pytest.mark.parametrize(
    "scopes", [["orders:write"], ["orders:read", "orders:write"], ["orders:read", "made:up"]]
)
async def test_nothing_beyond_the_ceiling_is_given(world: World, scopes: list[str]) -> None:
    """Not even in part: what was asked for is given, or nothing."""
    task = await world.open(tickets=["OPS-1"])

    refused = await world.ask(task["id"], scopes=scopes)

    assert (refused.status, refused.code) == (403, "access-denied")


async def test_a_capability_beyond_the_ceiling_or_the_tenant_is_refused(world: World) -> None:
    """Of another tenant it does not exist."""
    task = await world.open()
    stock = await world.open(
        STOCK_ORCHESTRATOR, tenant="globex", agent="stock-bot", ceiling=OFFLINE
    )
    ask = {"capability": "reports-read", "scopes": ["reports:read"]}

    beyond = await world.ask(task["id"], **ask)
    foreign = await world.ask(stock["id"], STOCK_AGENT, **ask)
    absent = await world.ask(stock["id"], STOCK_AGENT, **{**ask, "capability": "no-such"})

    assert beyond.status == 403
    assert (foreign.status, foreign["field"]) == (400, "capability")
    assert foreign.raw == absent.raw


async def test_a_forbid_wins_over_a_permit(world: World) -> None:
    """A high-risk agent stays off restricted data."""
    task = await world.open(agent="helper-bot", ceiling=REPORT)

    refused = await world.ask(
        task["id"], HELPER, capability="reports-read", scopes=["reports:read"]
    )

    assert refused.status == 403


async def test_a_record_never_shows_the_credential(world: World) -> None:
    """Shown or listed: everything but the token, to the three who may look."""
    task = await world.open()
    issued = await world.issue(task["id"])

    for who in (AGENT, ORCHESTRATOR, OPERATOR):
        shown = await world.get(who, f"/v1/credentials/{issued['id']}")
        listed = await world.get(who, f"/v1/tasks/{task['id']}/credentials")
        assert shown.status == listed.status == 200
        assert listed["credentials"] == [shown.body]
        assert issued["access_token"].encode() not in shown.raw + listed.raw
        assert not {"access_token", "token_type", "expires_in"} & set(shown.body)
        assert (shown["state"], shown["alive"], shown["ended_at"]) == ("active", True, None)


async def test_credentials_are_listed_page_by_page(world: World) -> None:
    """Oldest first, each once, dead or alive."""
    task = await world.open()
    issued = [(await world.issue(task["id"]))["id"] for _ in range(5)]
    await world.call(AGENT, "DELETE", f"/v1/credentials/{issued[1]}")

    pages = await world.pages(AGENT, f"/v1/tasks/{task['id']}/credentials?limit=2")

    assert [c["id"] for page in pages for c in page["credentials"]] == issued
    assert all(len(page["credentials"]) <= 2 for page in pages)


async def test_a_renewal_is_a_new_token_of_the_same_credential(world: World) -> None:
    """The next generation; the former token lives on until its own end."""
    task = await world.open()
    first = await world.issue(task["id"], ttl_seconds=60)
    await world.pass_time(30)

    renewed = await world.post(AGENT, f"/v1/credentials/{first['id']}/renew", {"ttl_seconds": 120})

    assert renewed.status == 201
    assert (renewed["id"], renewed["generation"]) == (first["id"], 2)
    assert claims_of(renewed["access_token"])["jti"] == f"{first['id']}.2"
    assert renewed["max_expires_at"] == first["max_expires_at"]
    assert renewed["issued_at"] > first["issued_at"]
    assert await world.is_active(first["access_token"])
    assert await world.is_active(renewed["access_token"])
    await world.pass_time(31)
    assert not await world.is_active(first["access_token"])
    assert await world.is_active(renewed["access_token"])


async def test_a_renewal_says_when_its_own_token_was_issued(world: World) -> None:
    """Introspection tells of the token that was asked about, not of the newest."""
    task = await world.open()
    first = await world.issue(task["id"], ttl_seconds=60)
    await world.pass_time(30)
    renewed = (await world.post(AGENT, f"/v1/credentials/{first['id']}/renew")).body

    for issued in (first, renewed):
        claims = claims_of(issued["access_token"])
        seen = (await world.introspect(issued["access_token"])).body
        assert (seen["exp"], seen["iat"], seen["jti"]) == (
            claims["exp"],
            claims["iat"],
            claims["jti"],
        )


async def test_renewals_never_pass_the_first_maximum(world: World) -> None:
    """However often, by whatever evidence; at the maximum there is nothing left to renew."""
    task = await world.open(ttl_seconds=28_800)
    issued = await world.issue(task["id"], ttl_seconds=300)
    renew = f"/v1/credentials/{issued['id']}/renew"
    for _ in range(8):
        await world.pass_time(200)
        answer = await world.post(AGENT, renew, {"ttl_seconds": 300})
        if answer.status != 201:
            break
        assert answer["expires_at"] <= issued["max_expires_at"]

    assert answer.code in ("credential-not-renewable", "credential-ended")
    assert seconds_between(issued["issued_at"], issued["max_expires_at"]) <= 900


async def test_what_cannot_be_renewed_says_so_from_the_beginning(world: World) -> None:
    """In the answer already, so that nobody plans with it."""
    task = await world.open(agent="report-bot", ceiling=REPORT)
    ask = {"capability": "reports-read", "scopes": ["reports:read"]}

    issued = await world.issue(task["id"], REPORTER, **ask)
    refused = await world.post(REPORTER, f"/v1/credentials/{issued['id']}/renew")

    assert not issued["renewable"]
    assert (refused.status, refused.code) == (409, "credential-not-renewable")
    assert await world.is_active(issued["access_token"], REPORTS)


async def test_an_ended_credential_is_not_renewed(world: World) -> None:
    """Given back, revoked or expired: gone, and the answer says that the task is not to blame."""
    task = await world.open()
    back, revoked, expired = [await world.issue(task["id"], ttl_seconds=60) for _ in range(3)]
    await world.call(AGENT, "DELETE", f"/v1/credentials/{back['id']}")
    await world.revoke(credential=revoked["id"])
    await world.pass_time(61)

    for issued in (back, revoked, expired):
        answer = await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew")
        assert (answer.status, answer.code) == (410, "credential-ended")


@pytest.mark.parametrize(
    "who",
    [
        AGENT.at("pod-2"),
        Who(AGENT.kind, AGENT.name, "acme", "pod-1", ISSUERS[1]),
        HELPER,
        ORCHESTRATOR,
        OPERATOR,
    ],
    ids=["other instance", "other issuer", "other agent", "opener", "operator"],
)
async def test_only_its_holder_renews_and_gives_back(world: World, who: Who) -> None:
    """The same identity, vouched for by the same issuer (A8); to others it does not exist."""
    task = await world.open()
    issued = await world.issue(task["id"])

    renewed = await world.post(who, f"/v1/credentials/{issued['id']}/renew")
    back = await world.call(who, "DELETE", f"/v1/credentials/{issued['id']}")

    assert (renewed.status, back.status) == (404, 404)
    assert await world.is_active(issued["access_token"])


async def test_giving_back_ends_it_once(world: World) -> None:
    """The second time changes nothing and answers the same."""
    task = await world.open()
    issued = await world.issue(task["id"])

    first = await world.call(AGENT, "DELETE", f"/v1/credentials/{issued['id']}")
    again = await world.call(AGENT, "DELETE", f"/v1/credentials/{issued['id']}")

    assert (first.status, first["state"], first["ended_by"]) == (200, "ended", "given-back")
    assert again.body == first.body
    assert not await world.is_active(issued["access_token"])
    assert await world.told("lease.ended") == 1


async def test_an_expired_credential_is_dead_before_anybody_sweeps(world: World) -> None:
    """Each use compares the clock itself (A9); the record follows."""
    task = await world.open()
    issued = await world.issue(task["id"], ttl_seconds=30)

    await world.pass_time(30)

    assert not await world.is_active(issued["access_token"])
    shown = await world.get(AGENT, f"/v1/credentials/{issued['id']}")
    assert (shown["alive"], shown["ended_by"]) == (False, "expired")


async def test_a_token_for_an_unregistered_audience_is_short(world: World) -> None:
    """Nobody can take it back: five minutes at most, and its receipt says so."""
    task = await world.open(ceiling=OFFLINE)

    issued = await world.issue(task["id"], capability="legacy-api", ttl_seconds=900)
    report = await world.end(task["id"])

    assert issued["audience"] == LEGACY
    assert seconds_between(issued["issued_at"], issued["max_expires_at"]) <= 300
    assert [r["state"] for r in report["receipts"]] == ["irrevocable"]
    assert report["receipts"][0]["expires_at"] == issued["expires_at"]


async def test_the_bound_of_offline_tokens_is_the_published_one(world: World) -> None:
    """An installation that allows longer ones gets longer ones."""
    world.config.edit("capabilities.yaml", lambda file: file.update(offline_max_ttl_seconds=600))
    world.config.edit_capability("legacy-api", max_ttl_seconds=600, default_ttl_seconds=600)
    await world.publish()
    task = await world.open(ceiling=OFFLINE)

    issued = await world.issue(task["id"], capability="legacy-api")

    assert seconds_between(issued["issued_at"], issued["expires_at"]) > 500


async def test_a_capability_that_shrank_gives_no_more_than_it_has(world: World) -> None:
    """A ceiling from before cannot reach beyond what the capability is now."""
    task = await world.open(ceiling=WRITE, tickets=["OPS-1"])
    held = await world.issue(task["id"], scopes=["orders:write"], ttl_seconds=30)
    world.config.edit_capability("orders-api", scopes=["orders:read"])
    await world.publish()

    refused = await world.ask(task["id"], scopes=["orders:write"])
    renewed = await world.post(AGENT, f"/v1/credentials/{held['id']}/renew")
    smaller = await world.ask(task["id"], scopes=["orders:read"])

    assert (refused.status, renewed.status, smaller.status) == (403, 403, 201)


async def test_a_capability_that_is_gone_is_not_renewed(world: World) -> None:
    """A refusal, not a malformed request: the caller's part is right."""
    task = await world.open(ceiling=OFFLINE)
    held = await world.issue(task["id"], capability="legacy-api", ttl_seconds=30)
    world.config.edit("capabilities.yaml", lambda file: file["capabilities"].pop())
    await world.publish()

    renewed = await world.post(AGENT, f"/v1/credentials/{held['id']}/renew")

    assert (renewed.status, renewed.code) == (409, "credential-not-renewable")
