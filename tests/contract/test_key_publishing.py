"""`broker keys init`, and what it knows of the installation: whether it is the first ledger."""

from pathlib import Path

from msgspec.structs import replace

from broker.installation import open_installation
from broker.rotation import Rotation
from broker.settings.load import load_document
from broker.settings.settings import KeyFiles, Settings
from broker.store.connect import connect
from broker.store.feed_log import FeedLog
from tests.fakes.policy import CONFIG
from tests.fakes.redis_servers import SingleServer


def settings_of(single: SingleServer, keys: Path) -> Settings:
    """Return the shipped settings, over a ledger and a key directory of a test's own."""
    shipped = load_document(CONFIG / "broker.yaml", Settings)
    return replace(shipped, store=single.settings, keys=KeyFiles(directory=keys))


async def init_keys(settings: Settings) -> None:
    """Do what `broker keys init` does."""
    async with open_installation(settings) as found:
        await Rotation(found, by="operator:test").init()


def born(single: SingleServer) -> str | None:
    """Read since when the feed exists; "0" means that nobody can listen to a former one."""
    return single.ask("HGET", "jit:{feed}:meta", "born")


async def test_a_new_installation_has_a_feed_that_waits_for_nobody(
    single: SingleServer, tmp_path: Path
) -> None:
    """No key here has ever signed anything, and no broker has begun a feed."""
    await init_keys(settings_of(single, tmp_path / "keys"))

    assert born(single) == "0"


async def test_a_ledger_that_follows_a_lost_one_waits(single: SingleServer, tmp_path: Path) -> None:
    """The keys are still there: somebody may listen to the feed of the lost one."""
    settings = settings_of(single, tmp_path / "keys")
    await init_keys(settings)
    single.ask("FLUSHALL")

    await init_keys(settings)

    assert born(single) is None


async def test_a_feed_that_brokers_have_begun_goes_on_waiting(
    single: SingleServer, tmp_path: Path
) -> None:
    """A broker ran on when its ledger was emptied, and whoever listens may be listening to it."""
    settings = settings_of(single, tmp_path / "keys")
    link = await connect(settings.store)
    await FeedLog(link, settings.store.namespace).position()
    await link.close()

    await init_keys(settings)

    assert born(single) not in (None, "0")
