"""Several AuthZEN questions in one call: each has its answer, whatever is wrong with the others."""

from typing import Any, Final

import pytest

from broker.gate import Hindrance
from tests.e2e.test_authzen import HYPOTHESIS, ONE, SEVERAL, issued, says, use
from tests.fakes.cast import OPERATOR, ORDERS
from tests.fakes.world import World


def several(*items: Any, semantic: str = "", **defaults: Any) -> dict[str, Any]:
    """Ask several questions, with defaults for all."""
    options = {"options": {"evaluations_semantic": semantic}} if semantic else {}
    return {**defaults, "evaluations": list(items), **options}


YES: Final = {"action": HYPOTHESIS["action"]}
NO: Final = {"action": {"name": "RequestCredential", "properties": {"scopes": ["orders:write"]}}}


@pytest.mark.parametrize(
    ("semantic", "items", "decisions"),
    [
        ("", [YES, NO, YES], [True, False, True]),
        ("execute_all", [NO, YES, NO, YES], [False, True, False, True]),
        ("deny_on_first_deny", [YES, NO, YES], [True, False]),
        ("deny_on_first_deny", [YES, YES], [True, True]),
        ("permit_on_first_permit", [NO, YES, NO], [False, True]),
        ("permit_on_first_permit", [NO, NO], [False, False]),
    ],
)
async def test_az_3_answers_come_in_order_until_one_is_enough(
    world: World, semantic: str, items: list[Any], decisions: list[bool]
) -> None:
    """§7.1.2, AZ-3: the one that was enough is the last; items override defaults (AZ-4)."""
    question = several(*items, semantic=semantic, **HYPOTHESIS)

    answer = await world.post(OPERATOR, SEVERAL, question)

    assert answer.status == 200
    assert [each["decision"] for each in answer["evaluations"]] == decisions
    assert "decision" not in answer.body


async def test_az_4_each_item_completes_itself_from_the_defaults(world: World) -> None:
    """§7.1.1: subject, action, resource and context, one by one and as wholes."""
    other = {"resource": {"type": "capability", "id": "no-such"}}
    context = {"context": {"task": {"tenant": "globex"}}}
    subject = {"subject": {"type": "agent", "id": "nobody"}}
    question = several({}, other, context, subject, HYPOTHESIS, **HYPOTHESIS)

    answer = await world.post(OPERATOR, SEVERAL, question)

    decisions = [each["decision"] for each in answer["evaluations"]]
    assert decisions == [True, False, False, False, True]
    alone = await world.post(OPERATOR, SEVERAL, several(HYPOTHESIS, HYPOTHESIS))
    assert [each["decision"] for each in alone["evaluations"]] == [True, True]


@pytest.mark.parametrize("question", [HYPOTHESIS, HYPOTHESIS | {"evaluations": []}], ids=repr)
async def test_without_items_it_is_one_question(world: World, question: Any) -> None:
    """§7.1: as at the other endpoint."""
    body = (await world.post(OPERATOR, SEVERAL, question)).body

    assert body["decision"] is True
    assert "evaluations" not in body


async def test_az_6_what_fails_in_one_item_denies_that_one(world: World) -> None:
    """§7.2.1: never true, and the others are answered."""
    broken = {"context": {"task": {"tenant": 7}}}

    answer = await world.post(OPERATOR, SEVERAL, several({}, broken, {}, **HYPOTHESIS))

    first, second, third = answer["evaluations"]
    assert (first["decision"], second["decision"], third["decision"]) == (True, False, True)
    assert second["context"]["error"]["status"] == 400


@pytest.mark.parametrize(
    ("item", "member"),
    [
        ({}, "resource"),
        ({"resource": {"type": "capability"}}, "resource.id"),
        ({"resource": {"id": "orders-api"}}, "resource.type"),
        ({"resource": "orders-api"}, "resource"),
        ({"resource": None}, "resource"),
        ({"resource": {"type": "capability", "id": 7}}, "resource.id"),
        ({"resource": HYPOTHESIS["resource"], "action": {"name": 7}}, "action.name"),
        ({"resource": HYPOTHESIS["resource"], "context": []}, "context"),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_an_item_that_is_no_question_denies_that_one(
    world: World, item: Any, member: str, semantic: str, decisions: list[bool]
) -> None:
    """§7.2.1, and c-3-4-1 of the certification: others get their answers, and it is told what."""
    whole = {name: part for name, part in HYPOTHESIS.items() if name != "resource"}
    good = {"resource": HYPOTHESIS["resource"]}

    question = several(good, item, good, semantic=semantic, **whole)
    answer = await world.post(OPERATOR, SEVERAL, question)

    assert answer.status == 200
    assert [each["decision"] for each in answer["evaluations"]] == decisions
    errors = [each["context"]["error"] for each in answer["evaluations"] if not each["decision"]]
    assert all(error["status"] == 400 for error in errors)
    assert all(error["message"].startswith(f"evaluations[1].{member}: ") for error in errors)


async def test_what_is_wrong_with_the_whole_is_400(world: World) -> None:
    """An unknown semantic, too many items, an item that is no object, a broken default."""
    for question in (
        several({}, semantic="whatever", **HYPOTHESIS),
        several(*[{}] * 51, **HYPOTHESIS),
        several(HYPOTHESIS, subject={"type": "agent"}),
        several("x", **HYPOTHESIS),
        HYPOTHESIS | {"evaluations": {}},
        HYPOTHESIS | {"options": []},
    ):
        assert (await world.post(OPERATOR, SEVERAL, question)).status == 400
    full = await world.post(OPERATOR, SEVERAL, several(*[{}] * 50, **HYPOTHESIS))
    assert len(full["evaluations"]) == 50


async def test_a_revoke_only_broker_permits_nothing_more(world: World) -> None:
    """I5: 503 is no decision, in a batch it is a denial; credentials are judged all the same."""
    token = (await issued(world))["access_token"]
    world.broker.gate.report("policy", Hindrance("a test says so", "wait"))

    assert (await world.post(OPERATOR, ONE, HYPOTHESIS)).status == 503
    answer = await world.post(OPERATOR, SEVERAL, several({}, {}, **HYPOTHESIS))
    assert [each["decision"] for each in answer["evaluations"]] == [False, False]
    assert await says(world, ORDERS, use(token)) == (True, "")
