"""What an agent was given and did with it is put before its owner, and the answer takes place."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tests.e2e.test_reevaluation import ended_by
from tests.fakes.cast import (
    AGENT,
    DANA,
    ERIN,
    FRANK,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    REPORTS,
    STOCK_OPERATOR,
    STOCK_PERSON,
    Kind,
    Who,
)
from tests.fakes.leap import leap
from tests.fakes.people import change, leaves, register
from tests.fakes.reviews import NEXT, agent_of, answer, start
from tests.fakes.until import until
from tests.fakes.world import World, task_body

READ: Final = "orders-api orders:read"
LEGACY: Final = "legacy-api orders:read"
WRITE: Final = "orders-api orders:write"
REPORT: Final = "reports-read reports:read"
DESK: Final = Who(Kind.AGENT, "desk-bot", "acme", "pod-1")
TEAM: Final = "team:desk"


def desk_bot(**said: object) -> dict[str, Any]:
    """Register an agent that the desk owns."""
    own = {"status": "active", "owner": TEAM, "purpose": "answers", "risk": "low"}
    return {"op": "put", "thing": {"ref": "agent:desk-bot", **own, **said}}


async def begin(world: World) -> None:
    """Let erin be in the team that owns the agent, and dana and frank not."""
    await register(world, DANA, ERIN, FRANK, STOCK_PERSON)
    await change(world, {"op": "put", "thing": {"ref": TEAM}}, desk_bot(), joins("erin"))


def joins(who: str, op: str = "relate") -> dict[str, Any]:
    """Let somebody join the team that owns the agent, or leave it."""
    edge = {"subject": f"person:{who}", "relation": "member-of", "object": TEAM}
    return {"op": op, "relationship": edge}


def asked(line: str) -> dict[str, Any]:
    """Ask for what a line of a ceiling says."""
    capability, scope = line.split()
    return {"capability": capability, "scopes": [scope]}


async def given(world: World, line: str, who: Who = DESK, **task: object) -> dict[str, Any]:
    """Open a task for what a line says, and get it."""
    opened = await world.open(agent=who.name, ceiling=[asked(line)], **task)
    return await world.issue(opened["id"], who, **asked(line), ttl_seconds=300)


async def say(world: World, credential: dict[str, Any], times: int, who: Who = DESK) -> None:
    """Let an agent say that it has used a credential."""
    at = "2027-01-15T08:00:00Z"
    use = {"outcome": "answered", "times": times, "first_at": at, "last_at": at}
    body = {"uses": [{**use, "credential": credential["id"]}]}
    said = await world.post(who, f"/v1/tasks/{credential['task']}/uses", body)
    assert said.status == 200, said.raw


def day_after(world: World) -> str:
    """Return tomorrow, UTC."""
    return datetime.fromtimestamp(world.now() + 24 * 3600, UTC).date().isoformat()


def trail(world: World, kind: str) -> list[dict[str, Any]]:
    """Read what the audit trail has of a kind."""
    lines = world.config.settings().audit.file.read_text().splitlines()
    return [json.loads(line) for line in lines if f'"{kind}"' in line]


@pytest.mark.parametrize("source", ["trail", "ledger"])
async def test_a_packet_tells_what_was_granted_used_and_not_known(
    world: World, source: str
) -> None:
    """The same from an audit trail and from the ledger; what nobody sees is not called unused.

    What the agent itself says of its uses is told, and counts for nothing else.
    """
    await begin(world)
    read, report = await given(world, READ), await given(world, REPORT)
    assert await world.is_active(report["access_token"], REPORTS)
    await say(world, read, 5)
    refused = await world.open(agent="desk-bot", ceiling=[asked(WRITE)])
    assert (await world.ask(refused["id"], DESK, **asked(WRITE))).status == 403
    await until(lambda: bool(trail(world, "decision.denied")))
    await until(lambda: bool(trail(world, "lease.used")) and bool(trail(world, "use.said")))
    trails = [world.config.settings().audit.file] if source == "trail" else []

    review = (await start(world, *trails))[TEAM]

    entry = (await agent_of(world, ERIN, review, "desk-bot"))["entry"]
    assert entry["usage"]["granted"] == {READ: 1, REPORT: 1}
    assert entry["usage"]["used"][REPORT] == 1
    assert READ not in entry["usage"]["used"]
    assert entry["usage"]["said"] == {READ: 5}
    assert entry["usage"]["last_said"]
    assert entry["usage"]["denied"] == {f"{WRITE} no-permit": 1}
    assert (entry["unknown"], entry["unused"]) == ([READ], [])
    assert entry["rights"]["possible"] == [LEGACY, READ, REPORT]
    assert review.header.evidence.verified
    assert review.header.registered


async def test_granted_and_never_seen_in_use_is_what_is_narrowed(world: World) -> None:
    """The suggestion leaves what was used; narrowed to that, the rest is refused and ends."""
    await begin(world)
    read, report = await given(world, READ), await given(world, REPORT)
    review = (await start(world))[TEAM]
    told = await agent_of(world, ERIN, review, "desk-bot")
    assert told["entry"]["unused"] == [REPORT]
    assert told["entry"]["suggestion"] == {"verdict": "narrow", "ceiling": [READ]}

    made = await answer(world, ERIN, review, "desk-bot", "narrow")

    assert (made.status, made["effect"]["state"]) == (200, "done"), made.raw
    assert made["answer"]["by"] == "person:erin"
    assert await ended_by(world, report["id"]) == "no-longer-granted"
    assert await world.is_active(read["access_token"], ORDERS)
    body = task_body(agent="desk-bot", ceiling=[asked(REPORT)])
    assert (await world.post(ORCHESTRATOR, "/v1/tasks", body)).status == 403
    shown = await world.get(OPERATOR, "/v1/agents/desk-bot")
    assert (shown["ceiling"], shown["review_by"]) == ([READ], NEXT)
    await until(lambda: bool(trail(world, "review.answered")))
    [signed] = trail(world, "review.answered")
    assert (signed["by"], signed["packet"], signed["ceiling"]) == (
        "person:erin",
        review.digest,
        [READ],
    )
    assert signed["issuer"]
    assert signed["evidence"]
    assert "withheld" not in signed


async def test_kept_is_in_order_until_the_next_review(world: World) -> None:
    """Started, it is in order until the due day at most; kept, until the next one."""
    await begin(world)
    issued = await given(world, READ)
    review = (await start(world, due="2099-01-31"))[TEAM]
    assert (await world.get(OPERATOR, "/v1/agents/desk-bot"))["review_by"] == "2099-01-31"

    made = await answer(world, ERIN, review, "desk-bot", "keep")

    assert made["effect"]["state"] == "done", made.raw
    assert (await world.get(OPERATOR, "/v1/agents/desk-bot"))["review_by"] == NEXT
    assert await world.is_active(issued["access_token"], ORDERS)
    shown = await world.get(ERIN, f"/v1/reviews/{review.id}")
    assert (shown["state"], shown["answered"]) == ("answered", 1)


async def test_revoked_is_held_and_what_it_has_dies(world: World) -> None:
    """An operator may lift that; nobody else."""
    await begin(world)
    issued = await given(world, READ)
    review = (await start(world))[TEAM]

    made = await answer(world, ERIN, review, "desk-bot", "revoke")

    assert made["effect"]["state"] == "done", made.raw
    assert await ended_by(world, issued["id"]) == "no-longer-granted"
    hold = (await world.get(OPERATOR, "/v1/agents/desk-bot"))["hold"]
    assert hold["by"] == "person:erin"


async def test_of_agents_yaml_is_told_what_it_has_to_say(world: World) -> None:
    """Whoever publishes narrows it there; nobody registered owns it, so operators answer."""
    issued = await given(world, READ, AGENT)
    review = (await start(world, owners=("billing@acme.example",)))["billing@acme.example"]
    assert not review.header.registered

    said = {"ceiling": [READ]}
    made = await answer(world, OPERATOR, review, "invoice-bot", "narrow", **said)

    assert made["effect"]["state"] == "to-do", made.raw
    assert made["effect"]["to_do"] == [f"review_by: {NEXT}", "ceiling:", f"  - {READ}"]
    assert await world.is_active(issued["access_token"], ORDERS)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        (DANA, 404),
        (FRANK, 404),
        (STOCK_PERSON, 404),
        (STOCK_OPERATOR, 404),
        (DESK, 404),
        (AGENT, 404),
        (ORCHESTRATOR, 404),
        (ORDERS, 404),
        (OPERATOR, 403),
    ],
    ids=lambda each: getattr(each, "name", str(each)),
)
async def test_nobody_answers_but_the_owner(world: World, who: Who, status: int) -> None:
    """To others the review does not exist, nor its list; operators of the tenant look."""
    await begin(world)
    review = (await start(world))[TEAM]

    made = await answer(world, who, review, "desk-bot", "keep")

    assert made.status == status
    listed = await world.get(who, "/v1/reviews")
    assert (review.id in [each["id"] for each in listed["reviews"]]) is (who is OPERATOR)
    assert (await world.get(OPERATOR, f"/v1/reviews/{review.id}"))["answered"] == 0


async def test_who_left_the_team_or_the_company_answers_no_more(world: World) -> None:
    """What counts is who she is when she answers."""
    await begin(world)
    await change(world, joins("dana"))
    review = (await start(world))[TEAM]
    await change(world, joins("erin", "unrelate"))
    await leaves(world, DANA)

    assert (await answer(world, ERIN, review, "desk-bot", "keep")).status == 404
    assert (await answer(world, DANA, review, "desk-bot", "keep")).status == 401


async def test_the_first_answer_stands(world: World) -> None:
    """Repeated it is the same; another one, by whomever, is refused."""
    await begin(world)
    await change(world, joins("dana"))
    review = (await start(world))[TEAM]

    first = await answer(world, ERIN, review, "desk-bot", "keep")
    again = await answer(world, ERIN, review, "desk-bot", "keep")
    other = await answer(world, DANA, review, "desk-bot", "revoke")

    assert (first.status, again.status, other.status) == (200, 200, 409)
    assert first["answer"]["at"] == again["answer"]["at"]
    assert (await world.get(OPERATOR, "/v1/agents/desk-bot"))["hold"] is None
    assert len(trail(world, "review.answered")) <= 1


async def test_an_answer_is_bound_to_the_packet_that_was_looked_at(world: World) -> None:
    """A packet that was changed, or that a newer one took the place of, is answered by nobody."""
    await begin(world)
    old = (await start(world))[TEAM]
    forged = await answer(world, ERIN, old, "desk-bot", "keep", packet="ab" * 32)
    new = (await start(world, reason="again"))[TEAM]

    stale = await answer(world, ERIN, old, "desk-bot", "keep")
    elsewhere = await answer(world, ERIN, new, "desk-bot", "keep", packet=old.digest)

    assert [each.status for each in (forged, stale, elsewhere)] == [409, 409, 409]
    assert (await world.get(ERIN, f"/v1/reviews/{old.id}"))["state"] == "superseded"
    assert (await answer(world, ERIN, new, "desk-bot", "keep")).status == 200


@pytest.mark.parametrize("said", [{"status": "retired"}, {"owner": "person:dana"}])
async def test_about_an_agent_that_is_another_by_now_nobody_answers(
    world: World, said: dict[str, object]
) -> None:
    """Retired, or given to another owner since."""
    await begin(world)
    review = (await start(world))[TEAM]
    await change(world, desk_bot(**said))

    assert (await answer(world, ERIN, review, "desk-bot", "keep")).status == 409


@pytest.mark.parametrize(
    ("verdict", "said", "field"),
    [
        ("narrow", {"ceiling": [READ, "payroll payroll:all"]}, "ceiling"),
        ("keep", {"ceiling": [READ]}, "ceiling"),
        ("keep", {"review_by": "2199-01-01"}, "review_by"),
        ("keep", {"review_by": "2001-01-01"}, "review_by"),
        ("widen", {}, "verdict"),
        ("keep", {"reason": "hidden\u202etext"}, "reason"),
    ],
)
async def test_no_answer_gives_more_than_there_was(
    world: World, verdict: str, said: dict[str, object], field: str
) -> None:
    """Neither a line that it never had, nor time beyond what the review says."""
    await begin(world)
    await given(world, READ)
    review = (await start(world))[TEAM]

    refused = await answer(world, ERIN, review, "desk-bot", verdict, **said)

    assert (refused.status, refused["field"]) == (400, field)


async def test_who_is_not_answered_about_in_time_gets_nothing(world: World) -> None:
    """Of the facts by its review date, of agents.yaml by a hold, which a late answer lifts."""
    await begin(world)
    owner = "billing@acme.example"
    review = (await start(world, due=day_after(world), owners=(owner, TEAM)))[owner]
    await given(world, READ, AGENT)

    leap(world, 3 * 24 * 3600)
    await world.stop()
    await world.start()
    leap(world, 60)  # what the stopped broker was at is claimed again
    await world.settle()

    held = (await world.get(OPERATOR, "/v1/agents/invoice-bot"))["hold"]
    assert held["by"] == f"review:{review.id}"
    for agent in ("invoice-bot", "desk-bot"):
        body = task_body(agent=agent, ceiling=[asked(READ)])
        assert (await world.post(ORCHESTRATOR, "/v1/tasks", body)).status == 403
    assert (await world.get(OPERATOR, f"/v1/reviews/{review.id}"))["overdue_at"] is not None
    leap(world, 10)
    made = await answer(world, OPERATOR, review, "invoice-bot", "keep")
    assert made.status == 200, made.raw
    assert (await world.get(OPERATOR, "/v1/agents/invoice-bot"))["hold"] is None
