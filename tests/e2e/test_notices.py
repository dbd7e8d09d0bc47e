"""A running broker tells what happens, and says whom it does not reach."""

import asyncio
import json
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main
from broker.doctor import Doctor
from broker.settings.notify import Notify
from tests.fakes.alarm_receiver import AlarmReceiver, receiving, told
from tests.fakes.cast import OPERATOR
from tests.fakes.until import until
from tests.fakes.world import World

ORDERS = ("revocation.*",)
CONFIG = """
notify:
  webhooks:
    - {{name: oncall, url: "{url}", secret_file: "{secret}"}}
"""


def follows(world: World) -> bool:
    """Tell whether the log is being followed: what happened before is told to nobody."""
    return bool(world.single.ask("HGET", "jit:{feed}:notices", "cursor"))


async def restart(world: World, notify: Notify) -> None:
    """Let the broker tell by these settings."""
    await world.stop()
    await world.start(notify=notify)


async def test_an_order_is_told_with_its_reason(world: World, tmp_path: Path) -> None:
    """Signed, and with what the trail says of it."""
    async with receiving() as oncall:
        await restart(world, told(oncall.settings(tmp_path, events=ORDERS)))
        await until(lambda: follows(world))
        await world.revoke(agent="invoice-bot")
        await until(lambda: bool(oncall.messages))

        (order,) = oncall.of("revocation.ordered")
        assert order["reason"] == "a test says so"
        assert order["ordered_by"] == "operator:" + OPERATOR.name
        await world.stop()


async def test_who_is_not_reached_is_named_and_nothing_else_suffers(
    world: World, tmp_path: Path
) -> None:
    """In readiness and by the doctor; access is given all the same."""
    async with receiving(AlarmReceiver(status=410)) as oncall:
        notify = told(oncall.settings(tmp_path, events=ORDERS))
        await restart(world, notify)
        await until(lambda: follows(world))
        await world.revoke(agent="small-bot")
        status, said = await world.until_told("notices")

        assert status == 200
        assert "oncall answered that it wants no more messages" in said
        await world.issue((await world.open())["id"])
        lines = [line async for line in Doctor(world.config.settings(notify=notify)).run()]
        assert [line.state for line in lines if line.check == "notices"] == ["warn"]
        await world.stop()


async def test_the_command_sends_one_message_to_everybody_and_says_what_came_of_it(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends with 1 when one does not take it."""
    async with receiving() as oncall:
        secret = oncall.settings(tmp_path).secret_file
        shipped = (world.config.folder / "broker.yaml").read_text()
        file = world.config.folder / "telling.yaml"
        store = world.config.settings().store.url
        text = shipped.replace("redis://127.0.0.1:6379/0", store).partition("notify:")[0]
        file.write_text(text + CONFIG.format(url=oncall.url, secret=secret))
        line = ["notify", "test", "--config", str(file), "--json"]

        good = await asyncio.to_thread(main, line)
        oncall.status = 503
        bad = await asyncio.to_thread(main, line)

    first, second = (json.loads(each) for each in _documents(capsys.readouterr().out))
    assert (good, bad) == (exits.OK, exits.REFUSED)
    assert first["receivers"][0]["outcome"] == "delivered"
    assert second["receivers"][0]["why"] == "answered with status 503"
    assert oncall.types == ["notice.test"]


def _documents(text: str) -> list[str]:
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        _, end = decoder.raw_decode(text)
        found.append(text[:end])
        text = text[end:]
    return found
