"""A person's sessions are ended by a broker that dies: what she has had done is dead, once kept."""

from pathlib import Path
from typing import Any, Final

from broker.dev.passports import Identity
from broker.model.principal import Kind
from tests.chaos.cast import CEILING, Held, Part
from tests.chaos.scenarios import Play, Scenario, check_revoked

_POLICY: Final = """
@id("people-lend-reading")
permit (principal is Person, action == Action::"LendRight", resource is Capability)
when { principal.stands && ["orders:read", "reports:read"].containsAll(context.scopes) };
"""


def let_people_lend(config: Path) -> None:
    """Add the policy to a folder of configuration files."""
    (config / "policies" / "50-lend.cedar").write_text(_POLICY, encoding="utf-8")


def _name(play: Play) -> str:
    return f"dana-{play.key}"


async def _lent(play: Play) -> None:
    """Have two people open a task each, and the agent and its sub-agent get what both may have."""
    play.tokens = await _of(play, _name(play))
    play.task = play.tokens[0].task
    play.others = await _of(play, f"erin-{play.key}")


async def _of(play: Play, name: str) -> list[Held]:
    cast = play.cast
    thing: dict[str, Any] = {"ref": f"person:{name}", "status": "active"}
    put = {"op": "put", "tenant": "acme", "thing": thing}
    await cast.operator.client.facts.change([put], reason="a test")
    made = cast.world.caller(Identity(Kind.PERSON, name, "acme", "browser-1"), timeout_s=10.0)
    person = Part(cast, made)
    opened = await person.client.tasks.open(
        name=name, agent="invoice-bot", tenant="acme", ceiling=CEILING, ttl_seconds=600
    )
    assert opened.claim_handle is not None
    await cast.agent.client.tasks.claim(opened.id, opened.claim_handle)
    child = (await cast.open(parent=opened.id)).id
    return [*await cast.issue_both(opened.id), *await cast.issue_both(child)]


async def _end(play: Play) -> str:
    ended = await play.cast.operator.client.sessions.end(
        person=_name(play), tenant="acme", reason="she left", idempotency_key=play.key
    )
    assert ended.acknowledged
    return ended.id


END_SESSIONS: Final = Scenario(_lent, _end, check_revoked)
