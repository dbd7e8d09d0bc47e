"""What would not be granted any more dies at its target, too."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.cast import OPERATOR
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_kind import enter
from tests.fakes.toy_target import ToyTarget
from tests.fakes.toy_world import ToyWorld, open_toy_world, toys
from tests.fakes.world_config import Template

YARD = toys("yard-1")


@pytest.fixture
def target() -> Iterator[ToyTarget]:
    """A toy target."""
    with ToyTarget("toy-1") as one:
        yield one


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path, target: ToyTarget
) -> AsyncIterator[ToyWorld]:
    """One broker with it."""
    async with open_toy_world(single, template, signer, tmp_path, [target]) as world:
        yield world


async def test_a_suspended_agent_is_thrown_out_at_the_target(
    world: ToyWorld, target: ToyTarget
) -> None:
    """Its open session is closed, and its name opens none any more: the target says so."""
    task = await world.toy_task("yard-1")
    issued = await world.issue(task, **YARD)
    session = enter(target, issued["secret"])
    assert session is not None
    assert session.is_open()
    world.config.edit_agent("invoice-bot", status="suspended")

    await world.publish()
    await world.until_state(OPERATOR, f"/v1/tasks/{task}/report", "confirmed")

    assert not session.is_open()
    assert enter(target, issued["secret"]) is None
