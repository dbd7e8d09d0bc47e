"""That the tools of the clock tests do what those tests rest on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from broker.clock import SystemClock
from tests.fakes.eventually_true import eventually_true
from tests.real.faketime import LIBFAKETIME, FakeTime, ShiftedServer

pytestmark = pytest.mark.real

HOUR = 3_600
WRONG_BY_S = 600
"""Less than the jump, and more than any pause of a loaded machine."""


@pytest.fixture
def time(part: Callable[[str], Path], tmp_path: Path) -> FakeTime:
    """A clock that this test sets."""
    return FakeTime(part(LIBFAKETIME), tmp_path / "time")


@pytest.mark.parametrize("away_s", [HOUR, -HOUR, 0])
async def test_a_running_servers_clock_jumps_in_commands_and_scripts(
    time: FakeTime, tmp_path: Path, away_s: int
) -> None:
    """Both of what our scripts read, and what a client asks for; from the next call on or so."""
    with (
        ShiftedServer(tmp_path / "ledger", time) as server,
        redis.Redis(unix_socket_path=str(server.socket)) as client,
    ):
        client.ping()
        time.jump(away_s)

        async def has_jumped() -> bool:
            seen = [client.time()[0], int(client.eval("return redis.call('TIME')[1]", 0))]
            now_s = SystemClock().now_ms() // 1000
            return all(abs(at - now_s - away_s) < WRONG_BY_S for at in seen)

        await eventually_true(has_jumped, "the server's clock away")


def test_a_python_programs_wall_clock_jumps_and_its_monotonic_one_does_not(time: FakeTime) -> None:
    """As when somebody sets the machine's clock."""
    time.jump(HOUR)
    ask = "import time; print(int(time.time()), int(time.monotonic()))"
    before = SystemClock()
    now_s, monotonic_s = before.now_ms() // 1000, before.monotonic_ms() // 1000

    answer = subprocess.run(  # noqa: S603 - our interpreter, our code
        [*time.prefix, sys.executable, "-c", ask], capture_output=True, text=True, check=True
    )

    wall_s, steady_s = map(int, answer.stdout.split())
    assert abs(wall_s - now_s - HOUR) < WRONG_BY_S
    assert abs(steady_s - monotonic_s) < WRONG_BY_S
