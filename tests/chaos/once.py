"""A credential for evidence that serves once: what a death leaves of either.

Policy asks for single use in tasks that work on a ticket of this scenario, and nowhere else.
"""

from pathlib import Path
from typing import Final

import pytest

from broker.client.api import BrokerClient
from broker.client.api_errors import EvidenceUsedError
from tests.chaos.cast import SCOPES, Held, unique
from tests.chaos.scenarios import Act, Play, Scenario, complete_and_check

TICKET: Final = "ONCE-1"
_POLICY: Final = f"""
@id("once")
@evidence("single-use")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {{
  principal.tenant == context.task.tenant &&
  resource.tenants.contains(principal.tenant) &&
  context.task.tickets.contains("{TICKET}")
}};
"""


def ask_for_single_use(config: Path) -> None:
    """Add the policy to a folder of configuration files."""
    (config / "policies" / "50-once.cedar").write_text(_POLICY, encoding="utf-8")


async def _token(play: Play) -> str:
    """Get a workload token that nobody has used; each has a ``jti`` of its own."""
    return (await play.cast.world.setup.passports.token(play.cast.agent.identity)).reveal()


async def _ask(play: Play, token: str, key: str) -> Held:
    """Ask for a credential with this token, and no other."""

    async def shown() -> str:
        return token

    client = BrokerClient(play.cast.url, shown, play.cast.world.session)
    issued = await client.credentials.issue(
        play.task, "orders-api", scopes=SCOPES["orders-api"], idempotency_key=key
    )
    return play.cast.hold(issued)


async def _prepare(play: Play) -> None:
    play.task = (await play.cast.open(tickets=(TICKET,))).id
    play.evidence = await _token(play)


def _acting(granted: int) -> Act:
    """Ask with the one piece of evidence, under one key; so many were granted before the death."""

    async def act(play: Play) -> str:
        play.acts += 1
        if play.acts == 2:
            await _check_spent(play, granted)
        return (await _ask(play, play.evidence, play.key)).token

    return act


async def _check_spent(play: Play, granted: int) -> None:
    """Under another key the evidence serves no more, and there is no credential but the granted."""
    with pytest.raises(EvidenceUsedError):
        await _ask(play, play.evidence, unique("key"))
    found = await play.cast.operator.client.credentials.find(play.task)
    assert len(found.credentials) == granted


async def _check(play: Play, token: str) -> None:
    """The retry was the one use; fresh evidence serves another, which is another credential."""
    await _check_spent(play, granted=1)
    (lease,) = (await play.cast.operator.client.credentials.find(play.task)).credentials
    fresh = await _ask(play, await _token(play), unique("key"))
    assert fresh.credential != lease.id
    play.tokens = [Held(lease.id, play.task, lease.audience, token), fresh]
    await complete_and_check(play)


SPENT: Final = Scenario(_prepare, _acting(granted=0), _check)
GRANTED: Final = Scenario(_prepare, _acting(granted=1), _check)
