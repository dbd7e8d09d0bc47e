"""`broker feed`: the decisions about the feed log that readiness asks an operator for."""

import json
from pathlib import Path

import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.dev.configure import shipped
from broker.errors import InvalidRequestError
from broker.feed.upkeep import accept_loss, forget_trail, trails
from broker.store.connect import connect
from broker.store.feed_cursors import Cursor
from broker.store.feed_keys import FeedKeys
from broker.store.feed_log import Appended, FeedLog, Refused
from tests.fakes.ledger import FakeLedger
from tests.fakes.redis_servers import SingleServer


async def test_a_trail_is_waited_for_until_it_is_forgotten(single: SingleServer) -> None:
    """By name, once; the others stay."""
    link = await connect(single.settings)
    log = FeedLog(link, single.settings.namespace)
    for name in ("broker-1", "broker-2"):
        await log.cursors.store(name, Cursor(3, "epoch", "head"))

    known = sorted(await trails(single.settings))
    first = await forget_trail(single.settings, "broker-1")
    again = await forget_trail(single.settings, "broker-1")
    left = list(await trails(single.settings))
    await link.close()

    assert (known, first, again, left) == (["broker-1", "broker-2"], True, False, ["broker-2"])


async def test_an_accepted_loss_goes_on_with_what_is_left(single: SingleServer) -> None:
    """What was refused as a gap is taken over afterwards."""
    link = await connect(single.settings)
    log, ledger = FeedLog(link, single.settings.namespace), FakeLedger(link)
    for _ in range(3):
        await ledger.say(0)
    await ledger.write(FeedKeys("jit").outbox(0), "XDEL", "1-0")
    before = await log.append(0, await log.outboxes.page(0))

    numbers = await accept_loss(single.settings, 0)
    after = await log.append(0, await log.outboxes.page(0))
    await link.close()

    assert isinstance(before, Refused)
    assert numbers == (1, 2)
    assert isinstance(after, Appended)


async def test_there_must_be_something_to_go_on_with(single: SingleServer) -> None:
    """An empty outbox, or a bucket that is none, is refused and says why."""
    for bucket in (0, single.settings.buckets):
        with pytest.raises(InvalidRequestError) as caught:
            await accept_loss(single.settings, bucket)
        assert caught.value.field == "bucket"


@pytest.fixture
def config(tmp_path: Path, single: SingleServer) -> Path:
    """The shipped settings, over the embedded server."""
    settings = yaml.safe_load((shipped() / "broker.yaml").read_text())
    settings["store"]["url"] = single.settings.url
    file = tmp_path / "broker.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def test_the_command_lists_and_forgets(
    config: Path, single: SingleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a helpful empty state, JSON, and a refusal of what is not known."""
    options = ["--config", str(config)]

    assert main(["feed", "trails", *options]) == exits.OK
    empty = capsys.readouterr().out
    single.ask("HSET", FeedKeys("jit").cursors, "broker-1", "7 epoch head")
    assert main(["feed", "trails", "--json", *options]) == exits.OK
    listed = json.loads(capsys.readouterr().out)
    assert main(["feed", "forget-trail", "broker-1", *options]) == exits.OK
    assert main(["feed", "forget-trail", "broker-1", *options]) == exits.REFUSED
    refused = capsys.readouterr().err

    assert "No audit trail" in empty
    assert listed == {"trails": {"broker-1": {"seq": 7, "epoch": "epoch"}}}
    assert "broker feed trails" in refused
    assert main(["feed", "accept-loss", "99", *options]) == exits.USAGE
