"""People of a :class:`~tests.fakes.world.World`, who are anybody only where the facts know them."""

from collections.abc import Mapping

from tests.fakes.cast import ROOT_OPERATOR, Who
from tests.fakes.world import Answer, World

Json = Mapping[str, object]


async def change(world: World, *changes: Json) -> Answer:
    """Change facts of tenant acme, or of the one that a change names."""
    made = [{"tenant": "acme", **each} for each in changes]
    body = {"reason": "a test", "changes": made}
    answer = await world.post(ROOT_OPERATOR, "/v1/facts/changes", body)
    assert answer.status == 200, answer.raw
    return answer


async def register(world: World, *people: Who, **said: object) -> None:
    """Put people into their tenants; ``said`` is said of each of them besides."""
    await change(world, *(put_of(each, **said) for each in people))


async def leaves(world: World, who: Who) -> Answer:
    """Let somebody leave the company."""
    return await change(world, put_of(who, status="gone"))


def put_of(who: Who, **said: object) -> Json:
    """Write down the change that puts a person."""
    thing = {"ref": f"person:{who.name}", "status": "active", **said}
    return {"op": "put", "tenant": who.tenant, "thing": thing}
