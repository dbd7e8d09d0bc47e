"""A helper before a broker, without a run: the credential is of the task, and dies with it."""

import json
from pathlib import Path

from tests.fakes.cast import AGENT
from tests.fakes.command import commanding
from tests.fakes.world import World

HELPER = ("credential-helper", "kubernetes", "--capability", "orders-api", "--scope", "orders:read")


async def test_a_helper_gives_what_the_task_may_have_until_it_ends(
    world: World, tmp_path: Path
) -> None:
    """Then one line says why there is no other; what goes beyond the task is refused before."""
    task = str((await world.open())["id"])

    async with commanding(world, AGENT, tmp_path) as command:
        given = await command.run(*HELPER, "--task", task)
        beyond = await command.run(*HELPER, "--scope", "orders:write", "--task", task)
        listed = await command.run("credential", "list", task, "--json")
        await command.run("task", "complete", task)
        ended = await command.run(*HELPER, "--task", task)

    status = json.loads(given.out)["status"]
    (lease,) = json.loads(listed.out)["credentials"]
    assert (given.code, given.err) == (0, "")
    assert status["token"].count(".") == 2
    assert status["expirationTimestamp"][:19] == lease["expires_at"][:19]
    for refused in (beyond, ended):
        assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "broker explain" in beyond.err
