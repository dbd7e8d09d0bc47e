"""C4: whoever asks learns of live tokens of its own audience, and of nothing else at all."""

import json

import pytest

from broker import base64url
from broker.signing.key import SigningKey, new_private_key, thumbprint
from tests.fakes.cast import (
    AGENT,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    REPORTER,
    REPORTS,
    Who,
)
from tests.fakes.world import Answer, World

INACTIVE = b'{"active":false}'
REPORT = [{"capability": "reports-read", "scopes": ["reports:read"]}]


def parts_of(token: str) -> tuple[dict[str, object], dict[str, object], str]:
    """Take a token apart."""
    header, claims, signature = token.split(".")
    return json.loads(base64url.decode(header)), json.loads(base64url.decode(claims)), signature


def join(header: dict[str, object], claims: dict[str, object], signature: str) -> str:
    """Put one together."""
    encoded = [base64url.encode(json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*encoded, signature])


def visible(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """Return all that tells answers apart, but for the date and the request's own number."""
    ignored = {"Date", "X-Request-ID", "X-Request-Id"}
    return answer.status, answer.raw, {k: v for k, v in answer.headers.items() if k not in ignored}


def forgeries(live: str) -> list[str]:
    """Return what somebody makes of a live token who has no key of ours."""
    header, claims, signature = parts_of(live)
    private = new_private_key("EdDSA")
    return [
        SigningKey(thumbprint(private), private).sign(claims).reveal(),
        SigningKey(str(header["kid"]), private).sign(claims).reveal(),
        join(header, {**claims, "scope": "orders:write"}, signature),
        join({**header, "alg": "none"}, claims, signature),
        live[:-2] + ("AA" if live[-2:] != "AA" else "BB"),
        live + ".",
        live + "=",
        live.rpartition(".")[0],
    ]


async def test_a_live_token_is_described_to_its_audience(world: World) -> None:
    """RFC 7662's members and ours."""
    task = await world.open(on_behalf_of="alice")
    issued = await world.issue(task["id"])

    seen = (await world.introspect(issued["access_token"])).body

    _, claims, _ = parts_of(issued["access_token"])
    assert seen["active"]
    for name in ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "act"):
        assert seen[name] == claims[name]
    assert (seen["task"], seen["tenant"]) == (task["id"], "acme")


async def test_everything_else_gets_the_same_bytes(world: World) -> None:
    """Unknown, expired, revoked, given back, of another audience, forged, malformed: one answer."""
    task = await world.open()
    live = (await world.issue(task["id"]))["access_token"]
    expired = (await world.issue(task["id"], ttl_seconds=5))["access_token"]
    revoked = await world.issue(task["id"])
    await world.revoke(credential=revoked["id"])
    back = await world.issue(task["id"])
    await world.call(AGENT, "DELETE", f"/v1/credentials/{back['id']}")
    ended = await world.open()
    under = (await world.issue(ended["id"]))["access_token"]
    await world.end(ended["id"])
    report = await world.open(agent="report-bot", ceiling=REPORT)
    foreign = await world.issue(
        report["id"], REPORTER, capability="reports-read", scopes=["reports:read"]
    )
    await world.pass_time(6)
    tokens = [
        expired,
        revoked["access_token"],
        back["access_token"],
        under,
        foreign["access_token"],
        *forgeries(live),
        world.remembered(ORDERS),
        "x",
        "a.b.c",
        "\x00",
        "ü" * 100,
        "a" * 20_000,
        f"l_00_{'a' * 26}",
    ]
    answers = [await world.introspect(token) for token in tokens]

    assert {answer.raw for answer in answers} == {INACTIVE}
    assert len({str(visible(answer)) for answer in answers}) == 1
    assert await world.is_active(live)


async def test_another_audience_learns_nothing_of_a_live_token(world: World) -> None:
    """Not even that it exists."""
    task = await world.open()
    issued = await world.issue(task["id"])

    foreign = await world.introspect(issued["access_token"], REPORTS)
    garbage = await world.introspect("x", REPORTS)

    assert visible(foreign) == visible(garbage)
    assert foreign.raw == INACTIVE


@pytest.mark.parametrize("who", [AGENT, ORCHESTRATOR, OPERATOR], ids=lambda who: str(who.kind))
async def test_nobody_else_introspects(world: World, who: Who) -> None:
    """Holders, openers and operators have other ways to look; the answer is OAuth's."""
    task = await world.open()
    issued = await world.issue(task["id"])

    answer = await world.introspect(issued["access_token"], who)

    assert (answer.status, answer["error"]) == (403, "access_denied")


async def test_an_unregistered_server_is_nobody(world: World) -> None:
    """A workload token that says so is not enough."""
    stranger = Who(ORDERS.kind, "https://stranger.example")

    answer = await world.introspect("x", stranger)

    assert (answer.status, answer["error"]) == (401, "invalid_client")


async def test_a_server_confined_to_a_tenant_sees_that_tenants_tokens(world: World) -> None:
    """Evidence that names a tenant confines the audience to it (I16)."""
    task = await world.open()
    issued = await world.issue(task["id"])
    confined = Who(ORDERS.kind, ORDERS.name, "globex")
    right = Who(ORDERS.kind, ORDERS.name, "acme")

    assert (await world.introspect(issued["access_token"], confined)).raw == INACTIVE
    assert await world.is_active(issued["access_token"], right)


@pytest.mark.parametrize(
    "data",
    [b"", b"token=", b"token_type_hint=access_token", b"token=a&token=b", b"token", b"token=%ff"],
)
async def test_a_malformed_form_is_refused(world: World, data: bytes) -> None:
    """With OAuth's error, before anything is looked up."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await world.call(ORDERS, "POST", "/oauth/introspect", data=data, headers=form)

    assert (answer.status, answer["error"]) == (400, "invalid_request")


async def test_a_hint_and_unknown_parameters_do_not_matter(world: World) -> None:
    """RFC 7662 §2.1, RFC 6749 §3.2."""
    task = await world.open()
    token = (await world.issue(task["id"]))["access_token"]
    form = {"token": token, "token_type_hint": "refresh_token", "more": "x"}

    answer = await world.call(ORDERS, "POST", "/oauth/introspect", data=form)

    assert answer["active"]


async def test_a_token_lives_on_while_its_key_retires(world: World) -> None:
    """And dies with the manifest's line: a key that is not published vouches for nothing."""
    task = await world.open()
    old = (await world.issue(task["id"]))["access_token"]
    await world.rotate()
    await world.rotate()
    new = (await world.issue(task["id"]))["access_token"]

    assert parts_of(old)[0]["kid"] != parts_of(new)[0]["kid"]
    assert await world.is_active(old)
    assert await world.is_active(new)

    await world.rotate()
    await world.rotate()
    assert not await world.is_active(old)
    assert await world.is_active(new)


async def test_an_undelivered_repeat_needs_the_key_that_signed_first(world: World) -> None:
    """Its manifest line is gone: nothing is signed by another key in its place."""
    task = await world.open()
    first = await world.ask(task["id"], key="k-1")
    await world.rotate()
    await world.rotate()
    again = await world.ask(task["id"], key="k-1")
    await world.rotate()
    await world.rotate()

    gone = await world.ask(task["id"], key="k-1")

    assert again["access_token"] == first["access_token"]
    assert gone.status == 503
