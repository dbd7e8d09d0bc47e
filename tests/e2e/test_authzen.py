"""The broker answers the OpenID AuthZEN Authorization API 1.0: what the standard says, and when.

Numbers are the standard's sections; AZ-1 to AZ-6 are the vectors of its errors and semantics.
"""

import json
from typing import Any, Final

import pytest

from tests.fakes.cast import (
    AGENT,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    REPORTS,
    ROOT_OPERATOR,
    STOCK_OPERATOR,
    Who,
)
from tests.fakes.world import Answer, World

ONE: Final = "/access/v1/evaluation"
SEVERAL: Final = "/access/v1/evaluations"
HERE: Final = {"type": "resource_server", "id": ORDERS.name}
READS: Final = {"name": "use", "properties": {"scopes": ["orders:read"]}}
TASK: Final = {"tenant": "acme", "name": "reconcile"}
HYPOTHESIS: Final[dict[str, Any]] = {
    "subject": {"type": "agent", "id": "invoice-bot"},
    "action": {"name": "RequestCredential", "properties": {"scopes": ["orders:read"]}},
    "resource": {"type": "capability", "id": "orders-api"},
    "context": {"task": TASK},
}


def use(credential: str, **changes: Any) -> dict[str, Any]:
    """Ask about the use of a credential at its server."""
    subject = {"type": "credential", "id": credential}
    return {"subject": subject, "action": READS, "resource": HERE, **changes}


async def ask(world: World, who: Who, question: object) -> Answer:
    """Ask one question; the answer has to be one."""
    answer = await world.post(who, ONE, question)
    assert answer.status == 200, answer.raw
    return answer


async def says(world: World, who: Who, question: object) -> tuple[bool, str]:
    """Return the decision, and the reason of a denial."""
    body = (await ask(world, who, question)).body
    return body["decision"], body.get("context", {}).get("reason", "")


async def issued(world: World) -> dict[str, Any]:
    """Issue a credential for the orders."""
    task = await world.open()
    return {**await world.issue(task["id"]), "task_id": task["id"]}


# ---- Of a credential: the ledger's judge ----


@pytest.mark.parametrize("asker", [ORDERS, OPERATOR, ROOT_OPERATOR], ids=lambda who: who.name)
async def test_a_live_credential_may_be_used(world: World, asker: Who) -> None:
    """By its token or by its name, for what it was given; and not a moment after its end."""
    credential = await issued(world)
    for name in (credential["access_token"], credential["id"], credential["id"] + ".1"):
        body = (await ask(world, asker, use(name))).body
        assert body["decision"] is True
        assert body["context"]["credential"]["agent"] == "invoice-bot"
        assert body["context"]["credential"]["scopes"] == ["orders:read"]

    await world.end(credential["task_id"])

    for name in (credential["access_token"], credential["id"]):
        assert await says(world, asker, use(name)) == (False, "not-active")


async def test_a_name_is_that_of_the_credential_or_of_its_newest_token(world: World) -> None:
    """Of an older token's end only that token tells, and of one that never was nothing does."""
    credential = await issued(world)
    for name in (".0", ".2", ".x", ".01", "."):
        asked = use(credential["id"] + name)
        assert await says(world, OPERATOR, asked) == (False, "not-active"), name
    await world.pass_time(30)
    renewed = await world.post(AGENT, f"/v1/credentials/{credential['id']}/renew", {})
    assert renewed.status == 201, renewed.raw

    assert await says(world, OPERATOR, use(credential["id"] + ".2")) == (True, "")
    assert await says(world, OPERATOR, use(credential["id"])) == (True, "")
    assert await says(world, OPERATOR, use(credential["id"] + ".1")) == (False, "not-active")


async def test_a_credential_is_for_its_scopes_server_and_action(world: World) -> None:
    """Each of them is asked for, and none is guessed."""
    name = (await issued(world))["access_token"]
    wider = {"name": "use", "properties": {"scopes": ["orders:read", "orders:write"]}}
    elsewhere = {"type": "resource_server", "id": REPORTS.name}

    assert await says(world, ORDERS, use(name, action={"name": "use"})) == (True, "")
    assert await says(world, ORDERS, use(name, action=wider)) == (False, "beyond-scope")
    assert await says(world, ORDERS, use(name, resource=elsewhere)) == (False, "not-active")
    assert await says(world, OPERATOR, use(name, resource=elsewhere)) == (False, "not-active")
    other = use(name, action={"name": "orders:read"})
    assert await says(world, ORDERS, other) == (False, "unknown-action")
    kind = use(name, resource={"type": "server", "id": ORDERS.name})
    assert await says(world, ORDERS, kind) == (False, "unknown-resource-type")


async def test_absent_foreign_and_forged_look_the_same(world: World) -> None:
    """I16: nobody finds out by asking which credentials there are."""
    token = (await issued(world))["access_token"]
    name = (await issued(world))["id"]
    head, payload, signature = token.split(".")
    absent = name[:-4] + "aaaa"
    forged = f"{head}.{payload}.{signature[:-4]}AAAA"

    for who, which in (
        (ORDERS, absent),
        (ORDERS, forged),
        (ORDERS, "nonsense"),
        (ORDERS, "l_zz_x.y"),
        (STOCK_OPERATOR, name),
        (STOCK_OPERATOR, token),
        (REPORTS, token),
    ):
        assert await says(world, who, use(which)) == (False, "not-active"), (who, which)


# ---- Of agents and tasks: policy ----


async def test_policy_answers_as_it_would_a_request(world: World) -> None:
    """Nothing is given by it, and nothing recorded."""
    writes = {"name": "RequestCredential", "properties": {"scopes": ["orders:write"]}}
    ticketed = {"task": {**TASK, "tickets": ["OPS-1"]}}
    before = world.dump()

    allowed = (await ask(world, OPERATOR, HYPOTHESIS)).body
    refused = (await ask(world, OPERATOR, HYPOTHESIS | {"action": writes})).body
    with_ticket = HYPOTHESIS | {"action": writes, "context": ticketed}
    bound = (await ask(world, OPERATOR, with_ticket)).body

    assert allowed["decision"] is True
    assert allowed["context"]["jit_broker"]["policies"] == ["agents-read"]
    assert (refused["decision"], refused["context"]["reason"]) == (False, "no-permit")
    assert bound["context"]["jit_broker"]["obligations"] == {"max_ttl_seconds": 120}
    leases = [key for key in world.dump() if ":l:" in key or ":d:" in key]
    assert leases == [key for key in before if ":l:" in key or ":d:" in key]


async def test_a_server_asks_about_what_is_meant_for_it(world: World) -> None:
    """And does not learn which policies there are."""
    body = (await ask(world, ORDERS, HYPOTHESIS)).body

    assert body == {"decision": True, "context": {"jit_broker": {"obligations": {}}}}
    assert await says(world, REPORTS, HYPOTHESIS) == (False, "not-found")
    opening = {
        "subject": {"type": "orchestrator", "id": "ci-orchestrator"},
        "action": {"name": "OpenTask"},
        "resource": {"type": "agent", "id": "invoice-bot"},
        "context": {"task": TASK},
    }
    assert await says(world, ORDERS, opening) == (False, "not-found")
    assert await says(world, OPERATOR, opening) == (True, "")


async def test_the_brokers_own_rules_hold_in_a_hypothesis(world: World) -> None:
    """Tenant, registry, capability and ceiling, before policy."""

    def but(**changes: Any) -> dict[str, Any]:
        return HYPOTHESIS | changes

    wide = {"name": "RequestCredential", "properties": {"scopes": ["orders:all"]}}
    narrow = {"task": TASK, "ceiling": [{"capability": "orders-api", "scopes": ["orders:write"]}]}
    foreign = {"task": {"tenant": "globex"}}
    for question, reason in (
        (but(subject={"type": "agent", "id": "nobody"}), "unregistered"),
        (but(subject={"type": "agent", "id": "stock-bot"}), "unregistered"),
        (but(subject={"type": "robot", "id": "alice"}), "unknown-subject-type"),
        (but(subject={"type": "person", "id": "alice"}), "unregistered"),
        (but(action={"name": "Reign"}), "unknown-action"),
        (but(action=wide), "beyond-capability"),
        (but(context=narrow), "beyond-ceiling"),
        (but(context=foreign), "not-found"),
        (but(resource={"type": "capability", "id": "no-such"}), "unknown-resource"),
        (but(resource={"type": "file", "id": "orders-api"}), "unknown-resource"),
    ):
        assert await says(world, OPERATOR, question) == (False, reason), question


async def test_nobody_is_permitted_a_credential_of_anothers_task(world: World) -> None:
    """I6: such a request would not even reach policy, whatever that would say."""
    helpers = {"context": {"task": {**TASK, "agent": "helper-bot"}}}
    orchestrator = {"subject": {"type": "orchestrator", "id": "ci-orchestrator"}}

    assert await says(world, OPERATOR, HYPOTHESIS | helpers) == (False, "not-its-task")
    assert await says(world, ORDERS, HYPOTHESIS | helpers) == (False, "not-its-task")
    assert await says(world, OPERATOR, HYPOTHESIS | orchestrator) == (False, "not-its-task")
    own = {"context": {"task": {**TASK, "agent": "invoice-bot"}}}
    assert await says(world, OPERATOR, HYPOTHESIS | own) == (True, "")


async def test_what_is_so_of_another_tenants_agent_changes_no_answer(world: World) -> None:
    """I16: whether it is held, or there at all; in its own tenant that is told."""

    def opening(agent: str) -> dict[str, Any]:
        return {
            "subject": {"type": "orchestrator", "id": "ci-orchestrator"},
            "action": {"name": "OpenTask"},
            "resource": {"type": "agent", "id": agent},
            "context": {"task": TASK},
        }

    absent = (await ask(world, OPERATOR, opening("no-such-bot"))).body
    free = (await ask(world, OPERATOR, opening("stock-bot"))).body
    for name, who, tenant in (
        ("stock-bot", STOCK_OPERATOR, "globex"),
        ("invoice-bot", OPERATOR, "acme"),
    ):
        hold = {"op": "hold", "tenant": tenant, "ref": f"agent:{name}"}
        done = await world.post(who, "/v1/facts/changes", {"reason": "x", "changes": [hold]})
        assert done.status == 200, done.raw
    held = (await ask(world, OPERATOR, opening("stock-bot"))).body

    assert absent == free == held
    assert await says(world, OPERATOR, opening("invoice-bot")) == (False, "agent-held")


@pytest.mark.parametrize(
    "said", [{"status": "suspended"}, {"identities": [{"issuer": "https://x", "subject": "y"}]}]
)
async def test_another_tenants_agent_is_unregistered_whatever_its_record_says(
    world: World, said: dict[str, object]
) -> None:
    """I16: that it is suspended, or which identities it has, is told in its own tenant only."""
    for name in ("stock-bot", "invoice-bot"):
        world.config.edit_agent(name, **said)
    await world.publish()
    stranger = HYPOTHESIS | {"subject": {"type": "agent", "id": "stock-bot"}}

    assert await says(world, OPERATOR, stranger) == (False, "unregistered")
    assert await says(world, ORDERS, stranger) == (False, "unregistered")
    own = await says(world, OPERATOR, HYPOTHESIS)
    assert own in {(False, "suspended"), (False, "identity-not-allowed")}


async def test_an_open_task_may_do_what_its_ceiling_and_policy_allow(world: World) -> None:
    """Nothing of it is taken from the question; once it has ended, nothing may be done."""
    task = (await world.open())["id"]
    question = HYPOTHESIS | {"subject": {"type": "task", "id": task}, "context": {}}
    wider = {"name": "RequestCredential", "properties": {"scopes": ["orders:write"]}}

    assert await says(world, OPERATOR, question) == (True, "")
    assert await says(world, ORDERS, question) == (True, "")
    assert await says(world, OPERATOR, question | {"action": wider}) == (False, "beyond-ceiling")
    assert await says(world, STOCK_OPERATOR, question) == (False, "not-found")
    assert await says(world, REPORTS, question) == (False, "not-found")
    opens = question | {"action": {"name": "OpenTask"}}
    assert await says(world, OPERATOR, opens) == (False, "unknown-action")

    await world.end(task)
    assert await says(world, OPERATOR, question) == (False, "task-closed")


async def test_nobody_else_asks(world: World) -> None:
    """§10.1.2, AZ: who is nobody gets 401; agents and orchestrators have verbs of their own."""
    for who in (AGENT, ORCHESTRATOR):
        assert (await world.post(who, ONE, HYPOTHESIS)).status == 403
        assert (await world.post(who, SEVERAL, HYPOTHESIS)).status == 403
    refused = await world.post(None, ONE, HYPOTHESIS)
    assert refused.status == 401
    assert "WWW-Authenticate" in refused.headers


# ---- The standard ----


async def test_az_1_a_denial_is_an_answer(world: World) -> None:
    """§10.1.2: status 200 and ``decision`` false, never 403."""
    answer = await world.post(OPERATOR, ONE, use("l_00_" + "a" * 26))

    assert answer.status == 200
    assert answer.body["decision"] is False


@pytest.mark.parametrize(
    ("question", "member"),
    [
        ({}, "subject"),
        ({**HYPOTHESIS, "subject": None}, "subject"),
        ({**HYPOTHESIS, "subject": "alice"}, "subject"),
        ({**HYPOTHESIS, "subject": {"id": "x"}}, "subject.type"),
        ({**HYPOTHESIS, "subject": {"type": "agent"}}, "subject.id"),
        ({**HYPOTHESIS, "subject": {"type": "agent", "id": 7}}, "subject.id"),
        ({**HYPOTHESIS, "subject": {"type": "agent", "id": ""}}, "subject.id"),
        ({**HYPOTHESIS, "action": {}}, "action.name"),
        ({**HYPOTHESIS, "action": {"name": True}}, "action.name"),
        ({**HYPOTHESIS, "resource": {"type": "capability"}}, "resource.id"),
        ({**HYPOTHESIS, "context": []}, "context"),
        ({**HYPOTHESIS, "context": {}}, "context.task"),
        ({**HYPOTHESIS, "context": {"task": {}}}, "context"),
        ({**HYPOTHESIS, "action": {"name": "RequestCredential"}}, "action.properties.scopes"),
    ],
    ids=repr,
)
async def test_az_2_what_is_malformed_is_400(world: World, question: object, member: str) -> None:
    """AZ-2: the member is named."""
    for path in (ONE, SEVERAL):
        answer = await world.post(OPERATOR, path, question)
        assert answer.status == 400
        assert member.partition(".")[0] in str(answer.body)


async def test_members_that_are_not_known_are_ignored(world: World) -> None:
    """§5: everywhere."""
    known = HYPOTHESIS | {
        "subject": {**HYPOTHESIS["subject"], "x": 1, "properties": {"department": "sales"}},
        "context": {"task": TASK, "ip": "10.0.0.1", "time": "now"},
        "zone": "eu",
    }

    assert await says(world, OPERATOR, known) == (True, "")


async def test_bodies_are_read_strictly(world: World) -> None:
    """What two parsers would read differently is no question."""
    headers = {"Content-Type": "application/json"}
    for data in (b'{"subject":{},"subject":{}}', b"[]", b"{", b"\xff", b'{"a":NaN}', b"{}{}"):
        answer = await world.call(OPERATOR, "POST", ONE, data=data, headers=headers)
        assert answer.status == 400
    large = {"subject": {"type": "credential", "id": "x" * 70_000}}
    assert (await world.post(OPERATOR, ONE, large)).status == 413


@pytest.mark.parametrize("path", [ONE, SEVERAL])
@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_of_another_type_is_malformed(world: World, path: str, kind: str) -> None:
    """§10.1.2 knows no 415, and certification (c-2-4-3) asks for 400."""
    data = json.dumps(HYPOTHESIS).encode()
    headers = {"Content-Type": kind} if kind else {}

    answer = await world.call(OPERATOR, "POST", path, data=data, headers=headers)

    assert answer.status == 400
    assert answer["field"] == "Content-Type"


def name_of(answer: Answer) -> str:
    """Return how an answer calls its request, however the header is spelt."""
    return next(text for name, text in answer.headers.items() if name.lower() == "x-request-id")


async def test_az_5_the_requests_name_comes_back(world: World) -> None:
    """§10.1.3, AZ-5: with every answer, also a refusal; else one of ours."""
    for body, status in ((HYPOTHESIS, 200), ({}, 400)):
        headers = {"X-Request-ID": "bfe9eb29-ab87-4ca3"}
        answer = await world.call(OPERATOR, "POST", ONE, body, headers=headers)
        assert (answer.status, name_of(answer)) == (status, "bfe9eb29-ab87-4ca3")
    assert name_of(await world.post(OPERATOR, ONE, HYPOTHESIS))
    long = await world.call(OPERATOR, "POST", ONE, HYPOTHESIS, headers={"X-Request-ID": "x" * 257})
    assert "xxx" not in name_of(long)
    elsewhere = await world.call(OPERATOR, "GET", "/v1/cuts", headers={"X-Request-ID": "mine"})
    assert name_of(elsewhere) != "mine"


async def test_the_metadata_say_where(world: World) -> None:
    """§9: to anybody; every endpoint below the decision point's own name."""
    shown = (await world.get(None, "/.well-known/authzen-configuration")).body

    base = shown["policy_decision_point"]
    assert shown["access_evaluation_endpoint"] == base + ONE
    assert shown["access_evaluations_endpoint"] == base + SEVERAL
