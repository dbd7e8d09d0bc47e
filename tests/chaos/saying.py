"""An agent says how it used a credential, at a broker that dies: said again, it counts once."""

from broker.client.use_results import SayUse
from tests.chaos.scenarios import BEAT, Play, Scenario

_AT = "2027-01-15T08:00:00.000Z"


async def _say(play: Play) -> int:
    """Say it under one key, and return how often it counts by now."""
    tasks = play.cast.agent.client.tasks
    credential = play.tokens[0].credential
    use = SayUse(outcome="answered", times=7, first_at=_AT, last_at=_AT, credential=credential)
    await tasks.say_uses(play.task, [use], idempotency_key=play.key)
    return sum(each.times for each in (await tasks.uses(play.task)).uses)


async def _check(play: Play, times: int) -> None:
    assert times == 7
    await play.cast.expect(alive=play.tokens)


SAY = Scenario(BEAT.prepare, _say, _check)
