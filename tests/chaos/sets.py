"""An exact set of credentials is picked and taken away: what a death leaves of it."""

from typing import Final

from tests.chaos.scenarios import Play, Scenario, check_revoked, revoke, task_and_others_in_use


async def _picked(play: Play) -> None:
    """Pick all that lives in one task; what lives in another stays out of the set."""
    await task_and_others_in_use(play)
    selection = await play.cast.operator.client.operator.select({"task": play.task})
    assert selection.count == len(play.tokens)
    play.picked = selection.digest


async def _revoke(play: Play) -> str:
    return await revoke(play, {"set": play.picked})


REVOKE_SET: Final = Scenario(_picked, _revoke, check_revoked)
