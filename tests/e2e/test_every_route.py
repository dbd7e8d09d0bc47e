"""I6, I16: every route of the contract for every kind of caller. A new route needs a row here.

Each is asked about ids that never were, and by everybody whom they are nothing to about ids that
are somebody's: the answers are the same bytes.
"""

from typing import Any, Final

from broker.http.contract.document import OPERATIONS
from broker.http.contract.operation import FORM, Operation
from tests.fakes.agreeing import staffed
from tests.fakes.cast import (
    AGENT,
    DANA,
    ERIN,
    HELPER,
    OPERATOR,
    ORCHESTRATOR,
    ORDERS,
    OTHER_ORCHESTRATOR,
    REPORTER,
    STOCK_AGENT,
    STOCK_OPERATOR,
    STOCK_ORCHESTRATOR,
    STOCK_PERSON,
)
from tests.fakes.notes import but_for_notes
from tests.fakes.people import register
from tests.fakes.until import until
from tests.fakes.world import Answer, World

KINDS: Final = {
    "agent": REPORTER,
    "orchestrator": OTHER_ORCHESTRATOR,
    "operator": OPERATOR,
    "resource": ORDERS,
}
STRANGERS: Final = {
    "another agent": REPORTER,
    "another instance": AGENT.at("pod-2"),
    "the child's other instance": HELPER.at("pod-2"),
    "another orchestrator": OTHER_ORCHESTRATOR,
    "another tenant's agent": STOCK_AGENT,
    "another tenant's orchestrator": STOCK_ORCHESTRATOR,
    "another tenant's operator": STOCK_OPERATOR,
    "a resource server": ORDERS,
    "a person": DANA,
    "another tenant's person": STOCK_PERSON,
}
"""To whom the tasks, credentials, orders, sets and decisions of these tests are nothing."""

LET_IN: Final = 0
"""It is served for ever: tests/http/test_feed_routes.py has it."""

ABSENT: Final = (404, 404, 404, 404)
OPERATORS_ONLY: Final = (403, 403, 404, 403)

ROWS: Final[dict[str, tuple[int, int, int, int]]] = {
    "listTasks": (200, 200, 200, 200),  # what one may see of them: nothing here
    "openTask": ABSENT,
    "showTask": ABSENT,
    "showTaskTree": ABSENT,
    "reportTask": ABSENT,
    "claimTask": ABSENT,
    "beatTask": ABSENT,
    "sayUses": ABSENT,
    "showUses": ABSENT,
    "extendTask": ABSENT,
    "completeTask": ABSENT,
    "failTask": ABSENT,
    "cancelTask": ABSENT,
    "freezeTask": ABSENT,
    "thawTask": ABSENT,
    "issueCredential": ABSENT,
    "listApprovals": (200, 200, 200, 200),  # what one may answer of them: nothing here
    "showApproval": ABSENT,
    "answerApproval": ABSENT,
    "redeemApproval": ABSENT,
    "listCredentials": ABSENT,
    "showCredential": ABSENT,
    "giveCredentialBack": ABSENT,
    "renewCredential": ABSENT,
    "listRevocations": (403, 403, 200, 403),
    "showRevocation": ABSENT,
    "reportRevocation": ABSENT,
    "showSelection": ABSENT,
    "listSelected": ABSENT,
    "listAgents": (403, 403, 200, 403),
    "showAgent": OPERATORS_ONLY,
    "revoke": OPERATORS_ONLY,
    "select": OPERATORS_ONLY,
    "askToBreakGlass": (403, 403, 403, 403),  # for people only
    "listBreakGlass": (403, 403, 200, 403),
    "showBreakGlass": ABSENT,
    "confirmBreakGlass": (403, 403, 403, 403),
    "fetchBreakGlass": ABSENT,
    "endBreakGlass": ABSENT,
    "reviewBreakGlass": ABSENT,
    "explainDecision": OPERATORS_ONLY,
    "explainCredential": OPERATORS_ONLY,
    "explainRequest": (403, 403, 200, 403),
    "listReviews": (200, 200, 200, 200),  # what one may see of them: nothing here
    "showReview": ABSENT,
    "listReviewed": ABSENT,
    "answerReview": ABSENT,
    "listRevisions": (403, 403, 403, 403),  # for operators of every tenant only
    "showRevision": (403, 403, 403, 403),
    "listThings": (403, 403, 200, 403),
    "showThing": OPERATORS_ONLY,
    "listRelationships": (403, 403, 200, 403),
    "reachFacts": OPERATORS_ONLY,
    "changeFacts": (403, 403, 400, 403),  # a thing that is not there is a fault of the change
    "listFactsHistory": (403, 403, 200, 403),
    "showFactsRevision": OPERATORS_ONLY,
    "rollBackFacts": OPERATORS_ONLY,
    "showKeyStates": (403, 403, 403, 403),
    "showShadowReport": (403, 403, 403, 403),
    "listCuts": (403, 403, 200, 403),
    "endSession": (403, 403, 400, 403),  # an operator has to name somebody
    "listFindings": (403, 403, 200, 403),
    "showFinding": OPERATORS_ONLY,
    "acknowledgeFinding": OPERATORS_ONLY,
    "introspect": (403, 403, 403, 200),  # a token that is not alive: {"active": false}
    "evaluate": (403, 403, 200, 200),  # {"decision": false}
    "evaluateAll": (403, 403, 200, 200),
    "followFeed": (403, 403, 403, LET_IN),
    "acknowledgeFeed": (403, 403, 403, 404),
}

PERSON: Final[dict[str, int]] = {
    "openTask": 400,  # a person opens no part of another task, whosever that is
    "endSession": 200,
    "askToBreakGlass": 404,
    "listBreakGlass": 200,
    "confirmBreakGlass": 404,
}
"""What a person of the tenant is answered otherwise than an orchestrator."""

HOW: Final = (
    "add a row to ROWS in tests/e2e/test_every_route.py: what an agent, an orchestrator, an "
    "operator and a resource server of its tenant are answered about an id that does not exist"
)
MISSING: Final = {
    "task": f"t_00_{'a' * 26}",
    "credential": f"l_00_{'a' * 26}",
    "revocation": f"r_00_{'a' * 26}",
    "review": f"v_00_{'a' * 26}",
    "decision": f"d_00_{'a' * 26}",
    "approval": f"a_00_{'a' * 26}",
    "glass": f"g_00_{'a' * 26}",
    "selection": "0" * 64,
    "finding": f"f_00_{'a' * 26}",
    "agent": "no-such-bot",
    "revision": "999999999",
    "kind": "ticket",
    "tenant": "acme",
    "name": "NO-SUCH",
}
ASKED: Final = [each for each in OPERATIONS if not each.is_public]


async def ask(world: World, operation: Operation, who: Any, ids: dict[str, str]) -> Answer:
    """Ask what a route's own example asks, about these ids."""
    path = operation.path.format(**ids)
    if operation.required_query:
        path += "?subscriber=orders-api-1"
    if operation.name == "reachFacts":
        path += f"?from={ids['kind']}:{ids['name']}"
    if operation.body is None:
        return await world.call(who, operation.method, path)
    body = dict(operation.body.example)
    if operation.body.media == FORM:
        return await world.call(who, operation.method, path, data=body)
    if operation.name == "openTask":
        body["parent"] = ids["task"]
    if operation.name in ("revoke", "select"):
        body = {name: value for name, value in body.items() if name == "reason"}
        body["task"] = ids["task"]
    return await world.call(who, operation.method, path, body)


def test_every_route_has_a_row() -> None:
    """And every row a route."""
    names = {each.name for each in ASKED}

    assert names - set(ROWS) == set(), HOW
    assert set(ROWS) - names == set()


async def test_nobody_is_let_in_without_a_token(world: World) -> None:
    """None, garbage, another's signature, one that has expired: the same bytes, on every route."""
    token = world.token(AGENT)
    head, payload, signature = token.split(".")
    wrong = [
        None,
        "garbage",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[::-1]}",
        world.token(AGENT, exp=world.now() - 3600, iat=world.now() - 7200),
        world.token(AGENT, aud="https://elsewhere.example"),
    ]
    for operation in ASKED:
        answers = [await ask(world, operation, who, MISSING) for who in wrong]

        assert {answer.status for answer in answers} == {401}, operation.name
        assert len({answer.raw for answer in answers}) == 1, operation.name


async def test_what_is_absent_is_answered_by_the_kind_of_caller(world: World) -> None:
    """Exactly as the row says."""
    for operation in ASKED:
        for (kind, who), expected in zip(KINDS.items(), ROWS[operation.name], strict=True):
            if expected != LET_IN:
                answer = await ask(world, operation, who, MISSING)
                assert answer.status == expected, (operation.name, kind)


async def test_a_person_is_answered_as_an_orchestrator_is(world: World) -> None:
    """About what is absent, but where the table says otherwise."""
    await register(world, DANA)

    for operation in ASKED:
        expected = PERSON.get(operation.name, ROWS[operation.name][1])
        answer = await ask(world, operation, DANA, MISSING)
        assert answer.status == expected, operation.name


async def somebodys(world: World) -> dict[str, str]:
    """Make one of everything, in tenant acme."""
    await staffed(world, "", ERIN)
    task = await world.open()
    asked = await world.ask(task["id"], labels={"why": "people"})
    world.config.write("policies/50-world.cedar", "")
    await world.publish()
    credential = await world.issue(task["id"])
    refused = await world.ask(task["id"], scopes=["orders:write"])
    selection = await world.post(OPERATOR, "/v1/selections", {"tenant": "acme"})
    order = await world.revoke(OPERATOR, capability="no-such", in_tenant="acme")
    thing = {"ref": "ticket:OPS-1", "status": "open"}
    body = {"reason": "x", "changes": [{"op": "put", "tenant": "acme", "thing": thing}]}
    made = await world.post(OPERATOR, "/v1/facts/changes", body)
    return {
        "task": task["id"],
        "credential": credential["id"],
        "revocation": order["id"],
        "decision": refused["decision"],
        "approval": asked["id"],
        "selection": selection["digest"],
        "agent": "invoice-bot",
        "revision": str(made["revision"]),  # of the facts, and of what is published as well
        "kind": "ticket",
        "tenant": "acme",
        "name": "OPS-1",
        "review": MISSING["review"],  # nobody looks at what the trail says
        "finding": MISSING["finding"],  # nothing has been found here
        "glass": MISSING["glass"],  # and nothing was broken
    }


async def test_what_is_somebody_elses_is_absent(world: World) -> None:
    """Every route about it, by everybody to whom it is nothing: byte for byte, and nothing done.

    But for a note of the instances that knocked, and what the detectors say to that.
    """
    await register(world, DANA, STOCK_PERSON)
    ids = await somebodys(world)
    await world.settle()
    await until(lambda: "f:facts" not in str(world.dump()))  # it was looked who would die
    before, told = but_for_notes(world), world.ledger.told_by_kind()

    for operation in ASKED:
        if "{" not in operation.path and operation.name not in ("openTask", "revoke", "select"):
            continue
        for name, who in STRANGERS.items():
            absent = await ask(world, operation, who, MISSING)
            answer = await ask(world, operation, who, ids)
            assert (answer.status, answer.raw) == (absent.status, absent.raw), (
                operation.name,
                name,
            )
            refused = {PERSON["openTask"]} if operation.name == "openTask" else set[int]()
            assert answer.status in {403, 404} | refused, (operation.name, name)

    assert but_for_notes(world) == before
    noted = set(world.ledger.told_by_kind() - told)
    assert {"use.foreign"} <= noted <= {"use.foreign", "behaviour.found"}
    shown = await world.get(ORCHESTRATOR, f"/v1/tasks/{ids['task']}")
    assert shown["state"] == "open"
