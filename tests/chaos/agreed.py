"""People are asked, answer, and what they agreed to is issued: what a death leaves of each.

Policy asks people in tasks that work on a ticket of this scenario, and nowhere else.
"""

from pathlib import Path
from typing import Final

import pytest

from broker.client.awaiting import ApprovalAwaitedError
from broker.dev.passports import Identity
from broker.model.principal import Kind
from tests.chaos.cast import SCOPES, TENANT, Part
from tests.chaos.scenarios import Play, Scenario, complete_and_check

TICKET: Final = "PEOPLE-1"
_POLICY: Final = f"""
@id("people")
@approval("oncall")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {{
  principal.tenant == context.task.tenant &&
  resource.tenants.contains(principal.tenant) &&
  context.task.tickets.contains("{TICKET}")
}};
"""


def ask_people(config: Path) -> None:
    """Add the policy to a folder of configuration files."""
    (config / "policies" / "50-people.cedar").write_text(_POLICY, encoding="utf-8")


def _dana(play: Play) -> Part:
    identity = Identity(Kind.PERSON, "dana", TENANT, "browser-1")
    return Part(play.cast, play.cast.world.caller(identity, timeout_s=10.0))


async def _staffed(play: Play) -> None:
    edge = {"subject": "person:dana", "relation": "member-of", "object": "team:oncall"}
    changes = [
        {"op": "put", "tenant": TENANT, "thing": {"ref": "person:dana", "status": "active"}},
        {"op": "put", "tenant": TENANT, "thing": {"ref": "team:oncall"}},
        {"op": "relate", "tenant": TENANT, "relationship": edge},
    ]
    await play.cast.operator.client.facts.change(changes, reason="a test")
    play.task = (await play.cast.open(tickets=(TICKET,))).id


async def _ask(play: Play) -> str:
    """Ask, and be told to wait: the same every time."""
    with pytest.raises(ApprovalAwaitedError) as waits:
        await play.cast.agent.client.credentials.issue(
            play.task, "orders-api", scopes=SCOPES["orders-api"], ttl_seconds=60
        )
    play.picked = waits.value.approval.id
    return play.picked


async def _check_asked(play: Play, approval: str) -> None:
    """One question of this task is open."""
    found = [each async for each in _dana(play).client.approvals.all()]
    assert [each.id for each in found if each.known["task"] == play.task] == [approval]
    await complete_and_check(play)


async def _asked(play: Play) -> None:
    await _staffed(play)
    await _ask(play)


async def _say_yes(play: Play) -> str:
    client = _dana(play).client
    return (await client.approvals.approve(await client.approvals.show(play.picked))).state


async def _check_agreed(play: Play, state: str) -> None:
    """It stands, by one voice, and is good for one credential."""
    assert state == "approved"
    seen = await _dana(play).client.approvals.show(play.picked)
    assert [each.person for each in seen.answers] == ["dana"]
    await _check_redeemed(play, await _redeem(play))


async def _agreed(play: Play) -> None:
    await _asked(play)
    await _say_yes(play)


async def _redeem(play: Play) -> str:
    issued = await play.cast.agent.client.approvals.redeem(play.picked)
    return play.cast.hold(issued).token


async def _check_redeemed(play: Play, token: str) -> None:
    """There is one credential, and no second one on the same yes."""
    assert await _redeem(play) == token
    (lease,) = (await play.cast.operator.client.credentials.find(play.task)).credentials
    seen = await play.cast.operator.client.approvals.show(play.picked)
    assert (seen.state, seen.credential) == ("used", lease.id)
    await complete_and_check(play)


ASK: Final = Scenario(_staffed, _ask, _check_asked)
AGREE: Final = Scenario(_asked, _say_yes, _check_agreed)
REDEEM: Final = Scenario(_agreed, _redeem, _check_redeemed)
