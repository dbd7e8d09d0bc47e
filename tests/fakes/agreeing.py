"""A world in which refunds need people, and short ways through an approval."""

from typing import Any, Final

from tests.fakes.cast import AGENT, DANA, ERIN, FRANK, Who
from tests.fakes.people import change, register
from tests.fakes.world import Answer, World

ASK_FIRST: Final = """
@id("ask-first")
@approval("oncall"){terms}
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {{ principal.tenant == context.task.tenant }};
"""
TEAM: Final = {"op": "put", "tenant": "acme", "thing": {"ref": "team:oncall"}}


async def staffed(world: World, terms: str = "", *people: Who) -> dict[str, Any]:
    """Let policy ask people of a team, put them there, and open a task."""
    staff = people or (DANA, ERIN)
    world.config.write("policies/50-world.cedar", ASK_FIRST.format(terms=terms))
    await world.publish()
    await register(world, *staff, *(each for each in (FRANK,) if each not in staff))
    await change(world, TEAM, *(member(each) for each in staff))
    return dict(await world.open())


def member(who: Who, op: str = "relate") -> dict[str, Any]:
    """Put somebody into the team, or take her out of it."""
    edge = {"subject": f"person:{who.name}", "relation": "member-of", "object": "team:oncall"}
    return {"op": op, "tenant": "acme", "relationship": edge}


async def asked(world: World, task: dict[str, Any], who: Who = AGENT, **changes: Any) -> Answer:
    """Ask for a credential, to be answered by people."""
    answer = await world.ask(task["id"], who, **changes)
    assert answer.status == 202, answer.raw
    return answer


async def seen(world: World, approval: str, who: Who = DANA) -> Answer:
    """Look at it as somebody who may answer."""
    answer = await world.get(who, f"/v1/approvals/{approval}")
    assert answer.status == 200, answer.raw
    return answer


async def say(
    world: World, approval: str, who: Who = DANA, answer: str = "yes", **changes: Any
) -> Answer:
    """Answer what one sees."""
    page = await world.get(who, f"/v1/approvals/{approval}")
    body = {"answer": answer, "digest": "0" * 64, "version": 1}
    if page.status == 200:
        body |= {"digest": page["digest"], "version": page["version"]}
    return await world.post(who, f"/v1/approvals/{approval}/answer", body | changes)


async def redeem(world: World, approval: str, who: Who = AGENT, key: str = "") -> Answer:
    """Ask for what people have agreed to."""
    return await world.post(who, f"/v1/approvals/{approval}/credential", {}, key=key)
