"""Which cuts stand: shown to operators of what they reach, and to nobody else."""

from tests.fakes.cast import AGENT, BOTH_OPERATOR, OPERATOR, ORDERS, ROOT_OPERATOR, STOCK_OPERATOR
from tests.fakes.world import World


async def test_cuts_say_of_what_since_when_until_when_and_by_whom(world: World) -> None:
    """Each operator sees its tenants' alone; what is not confined only one of all tenants (I16)."""
    assert (await world.get(ROOT_OPERATOR, "/v1/cuts")).body == {"cuts": [], "next": None}
    first = (await world.revoke(OPERATOR, agent="invoice-bot")).body
    second = (await world.revoke(STOCK_OPERATOR, all=True)).body
    third = (await world.revoke(ROOT_OPERATOR, capability="orders-api")).body

    seen = {
        who.name: [each["revocation"] for each in (await world.get(who, "/v1/cuts"))["cuts"]]
        for who in (OPERATOR, STOCK_OPERATOR, BOTH_OPERATOR, ROOT_OPERATOR)
    }

    assert seen == {
        "alice": [first["id"]],
        "gina": [second["id"]],
        "both-operator": [second["id"], first["id"]],
        "root-operator": [third["id"], second["id"], first["id"]],
    }
    (cut,) = (await world.get(OPERATOR, "/v1/cuts"))["cuts"]
    assert cut["selector"] == {"agent": "invoice-bot", "in_tenant": "acme"}
    assert (cut["ordered_by"], cut["reason"]) == ("operator:alice", "a test says so")
    assert cut["issued_before"] == first["issued_before"] < cut["until"]
    assert cut["buckets"] == len(world.broker.ledger.keys.buckets)


async def test_a_cut_of_which_time_has_passed_is_gone(world: World) -> None:
    """Nothing that it could have killed can be alive any more."""
    await world.revoke(OPERATOR, agent="invoice-bot")
    for bucket in world.broker.ledger.keys.buckets:
        world.single.ask("HSET", bucket.cuts, "agent:invoice-bot|acme", "1 2 r_00_x")

    assert (await world.get(OPERATOR, "/v1/cuts"))["cuts"] == []


async def test_only_operators_look(world: World) -> None:
    """Others are refused alike."""
    answers = [await world.get(who, "/v1/cuts") for who in (AGENT, ORDERS)]

    assert {(answer.status, answer.code) for answer in answers} == {(403, "access-denied")}
