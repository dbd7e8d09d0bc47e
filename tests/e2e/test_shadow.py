"""A candidate beside the published policies of a running broker."""

import asyncio
from pathlib import Path

from tests.fakes.candidates import Candidate
from tests.fakes.world import PATIENCE_S, World

FREEZE = '@id("freeze")\nforbid (principal, action, resource);\n'


async def test_a_candidate_that_forbids_everything_refuses_nobody_and_is_counted(
    world: World, tmp_path: Path
) -> None:
    """Brokers take it up by themselves; answers stay those of what is published."""
    candidate = Candidate(tmp_path)
    candidate.write("policies/50.cedar", FREEZE)
    bundle = candidate.bundle()
    async with world.installation() as found:
        shadow = found.ledger.shadow
        text = bundle.to_bytes().decode()
        await shadow.start("c-1", bundle.digest, text, by="operator:alice", reason="")
        task = await world.open()
        async with asyncio.timeout(PATIENCE_S):
            while not (counts := await shadow.counts()).differences:
                assert (await world.ask(task["id"])).status == 201
                await asyncio.sleep(0.2)
    assert "same" not in counts.outcomes
    assert {each.direction for each in counts.differences} == {"now-refused"}
