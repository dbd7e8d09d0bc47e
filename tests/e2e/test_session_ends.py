"""A session ends: all that a person has had done in it ends, and it opens nothing more."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.fakes.cast import (
    AGENT,
    DANA,
    ERIN,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.delegation import EXPORT, ask, claim, open_own, prepare
from tests.fakes.people import register
from tests.fakes.world import Answer, World, task_body
from tests.fakes.world_config import AUDIENCE, ISSUERS

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
CHANNEL: Final = "/v1/backchannel-logout"
END: Final = "/v1/sessions/end"
LAPTOP: Final = replace(DANA, claims={"sid": "s-laptop"})
PHONE: Final = replace(DANA, claims={"sid": "s-phone"}, instance="phone-1")


def logout(world: World, header: Mapping[str, object] | None = None, **changes: object) -> str:
    """Sign a logout token as the first issuer does; a claim changed to ``...`` is left out."""
    now = world.now()
    claims: dict[str, object] = {
        "iss": ISSUERS[0],
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 120,
        "jti": f"logout-{changes}-{now}",
        "events": {EVENT: {}},
        **changes,
    }
    said = {k: v for k, v in claims.items() if v is not ...}
    return world.signer.sign(said, **({"typ": "logout+jwt"} if header is None else header))


async def tell(world: World, token: str, *, at: int = 0) -> Answer:
    """Have the issuer tell a broker."""
    return await world.call(None, "POST", CHANNEL, data={"logout_token": token}, at=at)


class Lent:
    """A task that a person opened, its child, and a credential in each."""

    def __init__(self, task: Any, tokens: list[str]) -> None:
        self.task = task
        self.tokens = tokens

    async def alive(self, world: World) -> set[bool]:
        """Ask of each."""
        return {await world.is_active(token) for token in self.tokens}


async def lent(world: World, who: Who) -> Lent:
    """Open, claim, hand on, and get both."""
    task = (await open_own(world, who)).body
    assert (await claim(world, task)).status == 200
    child = await world.delegate(task["id"], ceiling=EXPORT)
    own, handed = await ask(world, task["id"]), await ask(world, child["id"], HELPER)
    return Lent(task, [own["access_token"], handed["access_token"]])


async def test_a_logout_ends_what_was_done_in_that_session(world: World) -> None:
    """At once, with what was handed on; another session of hers, and others' work, go on."""
    await prepare(world)
    laptop, phone = await lent(world, LAPTOP), await lent(world, PHONE)
    named = await world.post(
        ORCHESTRATOR, "/v1/tasks", task_body(ceiling=EXPORT, on_behalf_of="dana")
    )
    foreign = await ask(world, named["id"])

    told = await tell(world, logout(world, sub="dana", sid="s-laptop"))

    assert (told.status, told["acknowledged"]) == (200, True)
    assert told.headers["Cache-Control"] == "no-store"
    assert await laptop.alive(world) == {False}
    assert await phone.alive(world) == {True}
    assert await world.is_active(foreign["access_token"])
    ended = await world.ended(laptop.task["id"])
    assert ended["ended_by"] == "session"
    assert ended["closed_by"].startswith(f"issuer:{ISSUERS[0]}: ")


async def test_by_subject_all_her_sessions_end(world: World) -> None:
    """Where the issuer names no session."""
    await prepare(world)
    laptop, phone = await lent(world, LAPTOP), await lent(world, PHONE)

    told = await tell(world, logout(world, sub="dana"))

    assert told.status == 200
    assert await laptop.alive(world) == await phone.alive(world) == {False}


async def test_an_ended_session_opens_nothing_more(world: World) -> None:
    """Whoever still shows its token, at whichever bucket; a new session opens again."""
    await prepare(world)
    assert (await tell(world, logout(world, sid="s-laptop"))).status == 200

    for _ in range(20):
        assert (await open_own(world, LAPTOP)).status == 409
    assert (await open_own(world, PHONE)).status == 201


async def test_what_was_opened_and_not_claimed_yet_is_dead_too(world: World) -> None:
    """The handle opens nothing."""
    await prepare(world)
    task = (await open_own(world, LAPTOP)).body
    await tell(world, logout(world, sid="s-laptop"))

    assert (await claim(world, task)).status in (404, 409)


GOOD: Final = {"sub": "dana", "sid": "s-laptop"}
BAD: Final[dict[str, tuple[dict[str, object], dict[str, object] | None]]] = {
    "the type of evidence": (GOOD, {"typ": "JWT"}),
    "no type": (GOOD, {"typ": None}),
    "another type": (GOOD, {"typ": "at+jwt"}),
    "a nonce": ({**GOOD, "nonce": "n"}, None),
    "no events": ({**GOOD, "events": ...}, None),
    "another event": ({**GOOD, "events": {"https://x.example/e": {}}}, None),
    "one event more": ({**GOOD, "events": {EVENT: {}, "https://x.example/e": {}}}, None),
    "an event that is no object": ({**GOOD, "events": {EVENT: True}}, None),
    "events that are a list": ({**GOOD, "events": [EVENT]}, None),
    "neither sub nor sid": ({}, None),
    "no jti": ({**GOOD, "jti": ...}, None),
    "an empty sid": ({"sid": ""}, None),
    "a sid that is a number": ({"sid": 7}, None),
    "no exp": ({**GOOD, "exp": ...}, None),
    "no iat": ({**GOOD, "iat": ...}, None),
    "another audience": ({**GOOD, "aud": "https://elsewhere.example"}, None),
    "an unknown issuer": ({**GOOD, "iss": "https://evil.example"}, None),
    "the same words by another issuer": ({**GOOD, "iss": "https://evil.example"}, None),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_logout_token_ends_nothing(world: World, name: str) -> None:
    """And all of it is refused alike, whatever was wrong."""
    await prepare(world)
    held = await lent(world, LAPTOP)
    claims, header = BAD[name]

    refused = await tell(world, logout(world, header, **claims))
    garbage = await tell(world, "e30.e30.e30")

    assert (refused.status, refused.raw) == (400, garbage.raw)
    assert await held.alive(world) == {True}


async def test_another_issuers_word_about_the_same_names_is_nothing(world: World) -> None:
    """A trusted issuer ends its own sessions only."""
    await prepare(world)
    held = await lent(world, LAPTOP)

    told = await tell(world, logout(world, iss=ISSUERS[1], **GOOD))

    assert told.status == 200
    assert await held.alive(world) == {True}


@pytest.mark.parametrize("kind", ["expired", "from the future", "too long", "evidence"])
async def test_dates_and_kinds_are_held_to_the_rules_of_evidence(world: World, kind: str) -> None:
    """One path for signatures and dates; and evidence, stolen or not, is no logout token."""
    await prepare(world)
    held = await lent(world, LAPTOP)
    now = world.now()
    tokens = {
        "expired": logout(world, iat=now - 600, exp=now - 300, **GOOD),
        "from the future": logout(world, iat=now + 600, exp=now + 700, **GOOD),
        "too long": logout(world, exp=now + 86_400, **GOOD),
        "evidence": world.remembered(LAPTOP),
    }

    assert (await tell(world, tokens[kind])).status == 400
    assert await held.alive(world) == {True}


async def test_a_logout_token_is_no_evidence(world: World) -> None:
    """Whatever else it says, its type keeps it from being anybody."""
    await prepare(world)
    claims = {"sub": "dana", "kind": "person", "instance": "i", "tenant": "acme"}

    assert (await world.get(logout(world, **claims), "/v1/tasks")).status == 401


async def test_a_replayed_logout_is_refused_and_ends_nothing_new(world: World) -> None:
    """What was done is done; whoever kept the token does no more with it."""
    await prepare(world)
    token = logout(world, sub="dana", jti="once")
    assert (await tell(world, token)).status == 200
    orders = (await world.get(ROOT_OPERATOR, "/v1/revocations?of=subject")).raw

    assert (await tell(world, token)).status == 400
    assert (await world.get(ROOT_OPERATOR, "/v1/revocations?of=subject")).raw == orders


async def test_racing_logouts_are_one(worlds: World) -> None:
    """The same token at two brokers at once, many times: one order."""
    await prepare(worlds)
    held = await lent(worlds, LAPTOP)
    token = logout(worlds, **GOOD)

    answers = await asyncio.gather(*(tell(worlds, token, at=n % 2) for n in range(8)))

    assert {each.status for each in answers} <= {200, 400}
    names = {each["id"] for each in answers if each.status == 200}
    assert len(names) == 1
    assert await held.alive(worlds) == {False}


async def test_she_ends_her_own_session(world: World) -> None:
    """That of her token, and no other; twice is once."""
    await prepare(world)
    laptop, phone = await lent(world, LAPTOP), await lent(world, PHONE)

    first = await world.post(LAPTOP, END, {"reason": "done"}, key="k-1")
    again = await world.post(LAPTOP, END, {"reason": "done"}, key="k-1")

    assert (first.status, again["id"]) == (200, first["id"])
    assert await laptop.alive(world) == {False}
    assert await phone.alive(world) == {True}
    ended = await world.ended(laptop.task["id"])
    assert ended["closed_by"] == "person:dana: done"
    other = await world.post(LAPTOP, END, {"reason": "other"}, key="k-1")
    assert other.status == 422


async def test_an_operator_ends_all_of_hers_in_its_tenant(world: World) -> None:
    """Another person's go on; another tenant's operator, and anybody else, ends nothing."""
    await prepare(world)
    await register(world, ERIN)
    laptop, phone = await lent(world, LAPTOP), await lent(world, PHONE)
    body = {"person": "dana", "tenant": "acme", "reason": "gone"}

    foreign = await world.post(STOCK_OPERATOR, END, body)
    for who in (AGENT, ORCHESTRATOR):
        assert (await world.post(who, END, body)).status == 403
    assert (await world.post(ERIN, END, body)).status == 400
    assert (await world.post(OPERATOR, END, {"reason": "x"})).status == 400
    assert foreign.status == 404
    assert await laptop.alive(world) == {True}
    done = await world.post(OPERATOR, END, body)

    assert (done.status, done["selector"]) == (200, {"person": "acme/dana"})
    assert await laptop.alive(world) == await phone.alive(world) == {False}
    listed = await world.get(OPERATOR, "/v1/revocations?of=person")
    assert [each["id"] for each in listed["revocations"]] == [done["id"]]
    receipts = await world.receipts(OPERATOR, f"/v1/revocations/{done['id']}/report")
    assert len(receipts) == 4


async def test_the_trail_tells_who_ended_it(world: World) -> None:
    """And verifiers hear of each task, not of sessions."""
    await prepare(world)
    held = await lent(world, LAPTOP)
    await tell(world, logout(world, **GOOD))
    await world.ended(held.task["id"])
    file = world.config.settings().audit.file
    await world.until_logged(file, "task.closed")

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    [order] = [line for line in lines if line["type"] == "revocation.ordered"]
    assert (order["of"], order["ordered_by"]) == ("session", f"issuer:{ISSUERS[0]}")
    assert any(line.get("ended_by") == "session" for line in lines)
    assert "s-laptop" not in file.read_text()
