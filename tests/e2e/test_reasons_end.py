"""Every reason that access can rest on: when it ends, what rested on it is dead, and that is told.

Each is a fact of somebody else's: of who owns an agent, runs a tenant, knows the risks, is the
human whose work it is, keeps the data. Nobody touches the task or the policies.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from broker.clock import rfc3339
from broker.model.principal import Kind
from tests.e2e.test_fact_routes import change, of, put, relate
from tests.e2e.test_reevaluation import ended_by
from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR, ORDERS, REPORTS, Who
from tests.fakes.leap import leap
from tests.fakes.world import PATIENCE_S, World, task_body

Change = dict[str, Any]

POLICIES: Final = """\
@id("for-whom-it-may-concern")
permit (principal is Agent, action, resource is Capability)
when {
  principal.tenant == context.task.tenant &&
  context has behalf && resource has dataset && context.behalf in resource.dataset
};
@id("secret-datasets-are-for-people")
forbid (principal is Agent, action, resource is Capability)
when {
  resource has dataset && resource.dataset has dataClass &&
  resource.dataset.dataClass == "secret"
};
"""
DESK: Final = Who(Kind.AGENT, "desk-bot", "acme", "pod-1")
EXPORT: Final = {"capability": "orders-export", "scopes": ["orders:export"]}
REPORT: Final = {"capability": "reports-read", "scopes": ["reports:read"]}
READ: Final = {"capability": "orders-api", "scopes": ["orders:read"]}
DATASET: Final = put("dataset:orders", data_class="internal")
DANA: Final = put("person:dana")
ENTITLED: Final = "person:dana entitled-to dataset:orders"
TICKET: Final = (
    put("ticket:OPS-7"),
    DATASET,
    relate("agent:invoice-bot assigned-to ticket:OPS-7"),
    relate("ticket:OPS-7 concerns dataset:orders"),
)


def desk_bot(**said: object) -> Change:
    """Put an agent that only facts register."""
    own = {"owner": "person:dana", "purpose": "answers", "risk": "low"}
    return put("agent:desk-bot", **(own | said))


@dataclass(frozen=True)
class Reason:
    """How it was, who asked for what, what then changes, and what is told of the end."""

    before: tuple[Change, ...]
    change: Change
    told: dict[str, object]
    wish: dict[str, object] = field(default_factory=lambda: dict(READ))
    asks: Who = AGENT
    task: dict[str, object] = field(default_factory=dict)


REASONS: Final = {
    "the owner is gone": Reason(
        (DANA, desk_bot()),
        put("person:dana", status="gone"),
        {
            "reason": "owner-gone",
            "missing": ["built in: the owner of agent:desk-bot does not stand: person:dana"],
        },
        asks=DESK,
    ),
    "the review is overdue": Reason(
        (DANA, desk_bot(review_by="2099-12-31")),
        desk_bot(review_by="2020-12-31"),
        {
            "reason": "review-overdue",
            "missing": ["built in: agent:desk-bot was to be reviewed by 2020-12-31"],
        },
        asks=DESK,
    ),
    "its own ceiling is lower": Reason(
        (DANA, desk_bot(ceiling=["orders-api orders:read"])),
        desk_bot(ceiling=["reports-read reports:read"]),
        {
            "reason": "beyond-agent-ceiling",
            "missing": ["built in: beyond the ceiling of agent:desk-bot: orders-api orders:read"],
        },
        asks=DESK,
    ),
    "the tenant is frozen": Reason(
        (),
        of("hold", "tenant:acme"),
        {"reason": "tenant-held", "missing": ["built in: tenant acme is held"]},
    ),
    "the risk is high": Reason(
        (DANA, desk_bot(risk="low")),
        desk_bot(risk="high"),
        {"reason": "forbidden", "policies": ["high-risk-agents-stay-off-restricted-data"]},
        REPORT,
        asks=DESK,
    ),
    "the human may no more": Reason(
        (DANA, DATASET, relate(ENTITLED)),
        relate(ENTITLED, op="unrelate"),
        {"reason": "no-permit", "gone": [ENTITLED]},
        EXPORT,
        task={"on_behalf_of": "dana"},
    ),
    "the human is gone": Reason(
        (DANA, DATASET, relate(ENTITLED)),
        put("person:dana", status="gone"),
        {"reason": "no-permit", "gone": [ENTITLED]},
        EXPORT,
        task={"on_behalf_of": "dana"},
    ),
    "the dataset is secret": Reason(
        TICKET,
        put("dataset:orders", data_class="secret"),
        {"reason": "forbidden", "policies": ["secret-datasets-are-for-people"]},
        EXPORT,
        task={"tickets": ["OPS-7"]},
    ),
    "the dataset is held": Reason(
        TICKET,
        of("hold", "dataset:orders"),
        {"reason": "no-permit", "gone": ["ticket:OPS-7 concerns dataset:orders"]},
        EXPORT,
        task={"tickets": ["OPS-7"]},
    ),
    "the ticket is of another agent": Reason(
        TICKET,
        relate("agent:invoice-bot assigned-to ticket:OPS-7", op="unrelate"),
        {"reason": "no-permit", "gone": ["agent:invoice-bot assigned-to ticket:OPS-7"]},
        EXPORT,
        task={"tickets": ["OPS-7"]},
    ),
}


async def begin(world: World, *changes: Change) -> None:
    """Publish the policies, and make the facts that there are at first."""
    world.config.write("policies/50-world.cedar", POLICIES)
    await world.publish()
    if changes:
        made = await change(world, *changes)
        assert made.status == 200, made.raw


async def granted(
    world: World, wish: dict[str, object], who: Who = AGENT, **task: object
) -> tuple[str, dict[str, Any]]:
    """Open a task and get what is wished for; return the task's id and the credential."""
    opened = await world.open(agent=who.name, ceiling=[wish], **task)
    return opened["id"], await world.issue(opened["id"], who, **wish, ttl_seconds=300)


async def lives(world: World, issued: dict[str, Any]) -> bool:
    """Ask as the resource server that it is for."""
    server = REPORTS if issued["scope"] == "reports:read" else ORDERS
    return await world.is_active(issued["access_token"], server)


async def told_everywhere(world: World, task: str, issued: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end; return why, which report and audit trail tell alike."""
    assert await ended_by(world, issued["id"]) == "no-longer-granted"
    assert not await lives(world, issued)
    [receipt] = await world.receipts(OPERATOR, f"/v1/tasks/{task}/report")
    assert receipt["credential"] == issued["id"]
    logged = await found(lambda: in_trail(world, issued["id"]))
    assert logged["ended_by"] == "no-longer-granted"
    why: dict[str, Any] = receipt["why"]
    assert {name: why[name] for name in ("reason", "policies", "missing", "gone")} == {
        "policies": [],
        "missing": [],
        "gone": [],
        **{name: said for name, said in logged["why"].items() if name not in {"revision", "graph"}},
    }
    await found(lambda: in_feed(world, issued["id"]))
    return why


async def found(look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """Look until it is there."""
    async with asyncio.timeout(PATIENCE_S):
        while (seen := look()) is None:  # noqa: ASYNC110 - what ends it is in a file or in Redis
            await asyncio.sleep(0.05)
    return seen


def in_trail(world: World, credential: str) -> dict[str, Any] | None:
    """Find the end of a credential in the audit trail."""
    lines = world.config.settings().audit.file.read_text().splitlines()
    ends = [json.loads(line) for line in lines if '"lease.ended"' in line]
    return next((each for each in ends if each["credential"] == credential), None)


def in_feed(world: World, credential: str) -> dict[str, Any] | None:
    """Find what resource servers are told of it: that it is dead, and no more."""
    told = world.ledger.revoked()
    return next((each for each in told if each.get("jti") == credential), None)


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS)
async def test_what_rests_on_a_reason_ends_with_it(world: World, reason: Reason) -> None:
    """Told before, while it lives on; then dead, with why, and not granted again."""
    await begin(world, *reason.before)
    task, issued = await granted(world, reason.wish, reason.asks, **reason.task)

    looked = await change(world, reason.change, dry_run=True)
    assert [each["credential"] for each in looked["dying"]] == [issued["id"]]
    assert await lives(world, issued)
    made = await change(world, reason.change)
    assert made.status == 200, made.raw

    why = await told_everywhere(world, task, issued)
    assert {name: why[name] for name in reason.told} == reason.told
    assert why["facts_revision"] == made["revision"]
    assert (await world.ask(task, reason.asks, **reason.wish)).status == 403


async def test_a_risk_that_agents_yaml_raises_ends_what_is_restricted(world: World) -> None:
    """Who is registered there is judged there."""
    await begin(world)
    task, issued = await granted(world, REPORT)
    world.config.edit_agent("invoice-bot", risk="high")

    await world.publish()

    why = await told_everywhere(world, task, issued)
    assert why["policies"] == ["high-risk-agents-stay-off-restricted-data"]
    assert (await world.ask(task, **REPORT)).status == 403


async def test_a_ceiling_in_agents_yaml_ends_what_is_beyond_it(world: World) -> None:
    """And that alone; a task with more room is not opened any more, one with as much is."""
    await begin(world)
    task, issued = await granted(world, READ)
    _, report = await granted(world, REPORT)
    world.config.edit_agent("invoice-bot", ceiling=["reports-read reports:read"])

    await world.publish()

    why = await told_everywhere(world, task, issued)
    assert why["reason"] == "beyond-agent-ceiling"
    assert await lives(world, report)
    refused = await world.ask(task, **READ)
    told = await world.get(OPERATOR, f"/v1/decisions/{refused['decision']}")
    assert (refused.status, told["reason"]) == (403, "beyond-agent-ceiling")
    opening = await world.post(ORCHESTRATOR, "/v1/tasks", task_body(ceiling=[READ]))
    assert opening.status == 403
    await granted(world, REPORT)


async def test_what_rests_on_nothing_that_changed_lives_on(world: World) -> None:
    """A risk ends what is restricted, and no more; the human's right is not the ticket's."""
    await begin(world, DANA, desk_bot(), *TICKET, relate(ENTITLED))
    _, plain = await granted(world, READ, DESK)
    _, by_ticket = await granted(world, EXPORT, tickets=["OPS-7"], on_behalf_of="dana")
    task, restricted = await granted(world, REPORT, DESK)

    unrelated = relate(ENTITLED, op="unrelate")
    assert (await change(world, desk_bot(risk="high"), unrelated)).status == 200

    await told_everywhere(world, task, restricted)
    await world.settle()
    assert await lives(world, plain)
    assert await lives(world, by_ticket)


async def test_an_assignment_that_runs_out_ends_what_it_let_in(world: World) -> None:
    """By its own time: nobody changes anything, and nobody looks after it."""
    ends = rfc3339((world.now() + 60) * 1000)
    own = relate("agent:invoice-bot assigned-to ticket:OPS-7", expires_at=ends)
    await begin(world, *TICKET[:2], own, TICKET[3])
    task, issued = await granted(world, EXPORT, tickets=["OPS-7"])

    leap(world, 50)
    await world.settle()
    assert await lives(world, issued)
    leap(world, 15)

    why = await told_everywhere(world, task, issued)
    assert (why["reason"], why["facts_revision"]) == ("no-permit", 1)
    assert "agent:invoice-bot assigned-to ticket:OPS-7" in why["gone"]
    assert (await world.ask(task, **EXPORT)).status == 403


async def test_a_review_that_is_missed_ends_what_its_agent_holds(world: World) -> None:
    """At midnight (UTC) after its last day."""
    today = datetime.fromtimestamp(world.now(), UTC)
    midnight = datetime.combine(today.date() + timedelta(days=1), datetime.min.time(), UTC)
    await begin(world, DANA, desk_bot(review_by=today.date().isoformat()))
    leap(world, (midnight - today).seconds - 60)
    await world.stop()
    await world.start()
    task, issued = await granted(world, READ, DESK)
    assert await lives(world, issued)

    leap(world, 70)

    why = await told_everywhere(world, task, issued)
    assert (why["reason"], why["facts_revision"]) == ("review-overdue", 1)
