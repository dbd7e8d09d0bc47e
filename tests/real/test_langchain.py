"""Tools of the real LangChain that have a credential of their own, against a whole broker."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World, open_world
from tests.fakes.world_config import Template

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """One broker."""
    async with open_world(single, template, signer, tmp_path) as world:
        yield world


async def test_a_tool_has_its_credential_while_the_task_lives_and_a_refused_one_is_not_run(
    part: Callable[[str], Path], world: World, tmp_path: Path
) -> None:
    """The model's arguments are those of the tool alone; a refusal is what the model reads."""
    task = await world.open()
    token = tmp_path / "agent-token"
    token.write_text(world.token(AGENT))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.real.langchain_agent"),
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(part("langchain").parents[2])]),
            "BROKER_SOCKET": str(world.config.settings(0).listen.unix),
            "BROKER_TOKEN_FILE": str(token),
            "BROKER_TASK_ID": task["id"],
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    read, leaked, burnt = told["said"]
    used, of_one_call, again = told["used"]

    assert told["arguments"] == ["count"]
    assert (read, told["streamed"]) == ("3 ***", ["4 ***"])
    assert leaked == "RuntimeError: 3: 401 for Bearer ***"
    assert burnt.startswith("Refused: 403 access-denied")
    assert (len(told["traced"]), used) == (4, again)
    assert not any(token in "".join(told["traced"]) for token in told["used"])
    assert await world.is_active(used)
    assert not await world.is_active(of_one_call)

    await process.communicate(b"\n")

    assert process.returncode == 0
    assert not await world.is_active(used)
