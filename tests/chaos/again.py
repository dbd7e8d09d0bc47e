"""A policy is published that forbids what was granted: what a death leaves of deciding again.

It speaks of tasks that work on the one ticket of a performance, and of no others.
"""

import json
from typing import Final

from broker.dev.commands import Commands
from tests.chaos.cast import unique
from tests.chaos.scenarios import Play, Scenario

_FORBIDDEN: Final = """
@id("not-for-this-ticket")
forbid (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when {{ context.task.tickets.contains("{ticket}") }};
"""


async def _on_a_ticket(play: Play) -> None:
    """Use credentials on the ticket, and others that nothing is done to."""
    play.handle = unique("TICKET")
    play.task = (await play.cast.open(tickets=(play.handle,))).id
    play.tokens = await play.cast.issue_both(play.task)
    play.others = await play.cast.issue_both((await play.cast.open()).id)


async def _forbid(play: Play) -> str:
    """Publish it; the same once more is the same revision."""
    world = play.cast.world
    config = world.setup.config[0]
    text = _FORBIDDEN.format(ticket=play.handle)
    (config.parent / "policies" / "60-again.cedar").write_text(text, encoding="utf-8")
    argv = [*Commands().apply, "--json", "--config", str(config)]
    said = json.loads(await world.processes.run(unique("apply"), argv))
    return f"revision {said['revision']}"


async def _check(play: Play, revision: str) -> None:
    """Dead is what was granted on the ticket, and every record says by which revision."""
    await play.cast.all_final(play.task, [held.credential for held in play.tokens])
    await play.cast.expect(dead=play.tokens, alive=play.others)
    report = await play.cast.operator.client.tasks.report(play.task)
    reasons = [receipt.why for receipt in report.receipts]
    assert all(why is not None and why.policies == ("not-for-this-ticket",) for why in reasons)
    assert {f"revision {why.revision}" for why in reasons if why is not None} == {revision}


FORBID: Final = Scenario(_on_a_ticket, _forbid, _check)
