"""An emergency ends on time with every broker dead: nobody has to be there for that."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from broker.client.errors import TokenExpiredError
from broker.client.keys import FixedKeys, parse_key_set
from broker.client.liveness import OfflineLiveness
from broker.client.verifier import Verifier
from broker.clock import SystemClock
from tests.fakes.cast import OPERATOR
from tests.fakes.emergency import GLASS, emergency
from tests.fakes.world import World
from tests.fakes.world_config import BROKER

AUDIENCE = "https://orders.example"


async def test_it_ends_with_all_brokers_stopped_and_still_waits_for_an_answer(
    world: World, tmp_path: Path
) -> None:
    """The end stands in the credential, so a resource server needs nobody to refuse it."""
    async with emergency(world, tmp_path) as here:
        keys = parse_key_set((await world.get(None, "/.well-known/jwks.json")).body)
        server = Verifier(
            *(BROKER, AUDIENCE),
            keys=FixedKeys(keys),
            liveness=OfflineLiveness(),
            clock=SystemClock(),
        )
        opened = await here.opened(ttl_seconds=8)
        held = (await here.fetch(opened)).body
        ends = datetime.fromisoformat(opened["ends_at"]).timestamp()
        await world.stop()

        token = await server.verify(held["access_token"])
        assert token.expires_at_ms <= ends * 1000
        while SystemClock().now_ms() <= token.expires_at_ms:  # noqa: ASYNC110 - real time passes
            await asyncio.sleep(0.1)
        with pytest.raises(TokenExpiredError):
            await server.verify(held["access_token"])

        # A token ends at a whole second, the emergency itself up to a second later.
        while SystemClock().now_ms() <= ends * 1000:  # noqa: ASYNC110 - real time passes
            await asyncio.sleep(0.1)
        await world.start(notify=here.notify)
        owed = await world.get(OPERATOR, f"{GLASS}?only=unreviewed")
        assert [(each["id"], each["state"]) for each in owed["break_glass"]] == [
            (opened["id"], "ended")
        ]
        assert (await here.review(opened)).status == 200
