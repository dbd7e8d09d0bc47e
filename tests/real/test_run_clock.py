"""`broker run` on a machine whose clock is wrong by minutes: the real program, by libfaketime."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.e2e.test_run_proxy import shop
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.run_command import Running
from tests.fakes.run_world import runs
from tests.fakes.world import World, open_world
from tests.fakes.world_config import Template
from tests.real.faketime import LIBFAKETIME, FakeTime

pytestmark = pytest.mark.real

SHORT = ("--ttl", "5m", "--credential-ttl", "6s")
MINUTES = (-10, 10)


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """One broker, whose clock is right."""
    async with open_world(single, template, signer, tmp_path) as world:
        yield world


async def test_ten_minutes_off_a_run_renews_and_its_proxy_is_believed(
    world: World, tmp_path: Path, part: Callable[[str], Path]
) -> None:
    """Ahead and behind, for a task that lives shorter than that; the command has the same clock."""
    library = part(LIBFAKETIME)
    async with shop(tmp_path) as (upstream, options), runs(world, tmp_path) as begin:
        url = f"https://localhost:{upstream.port}/v1/orders/7"
        ask = f"curl -sS -o /dev/null -w '%{{http_code}} ' -H @$ORDERS_API_HEADER_FILE {url}/"
        script = f"while [ ! -e go ]; do {ask}$(basename $PWD); sleep 0.3; done; date +%s > date"

        def started(minutes: int) -> Running:
            clock = FakeTime(library, tmp_path / f"{minutes}.time")
            clock.jump(60 * minutes)
            return begin(script, *options, *SHORT, through=clock.prefix)

        def tokens(run: Running) -> int:
            mine = [each for each in upstream.received if f"/{run.folder.name} " in each.line]
            return len({token for each in mine for token in each.values("authorization")})

        begun = [started(minutes) for minutes in MINUTES]
        for run in begun:
            await run.until(lambda run=run: tokens(run) > 1, "a younger token")  # type: ignore[misc]
            run.go()
        ended = [await run.ended() for run in begun]

    for minutes, run, (code, out, err) in zip(MINUTES, begun, ended, strict=True):
        assert (code, err, set(out.split())) == (0, "", {"200"})
        assert abs(int(run.read("date")) - world.now() - 60 * minutes) < 120
