"""Time that passes at once for a whole installation."""

from tests.fakes.world import World


def leap(world: World, seconds: int) -> None:
    """Let it be later for everybody: brokers, ledger, and who vouches for callers.

    Brokers that run have known issuers' keys for so much longer; those that start later have not.
    """
    world.later_s += seconds
    world.tokens.clear()
    for each in world.running:
        each.clock.shift_ms += seconds * 1000
    world.ledger.pass_time(seconds)
