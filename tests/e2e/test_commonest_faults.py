"""The faults of a first set-up that docs/operators.md lists: each is planted, found and remedied.

What stands in its tables is what `broker doctor` says: ``…`` is what differs each time.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from broker.doctor import Doctor
from broker.findings import Line
from broker.installation import open_installation
from broker.model.capability import CheckMode
from broker.settings.limits import ClockLimits
from broker.settings.listening import Listen, TlsFiles
from broker.settings.settings import Audit, Settings
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import Connection
from tests.fakes.certificates import Authority
from tests.fakes.clock import WrongClock
from tests.fakes.guide import DOCS
from tests.fakes.world import World

_ROW: Final = re.compile(
    r"^\| ([a-z0-9-]+) \| `([a-z-]+)` \| (.+?) \| .+? \| (.+?) \|$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault of the page: the finding, what it says, and the remedy that it names."""

    finding: str
    says: str
    remedy: str

    def is_said_by(self, line: Line) -> bool:
        """Tell whether this is what was found."""
        told = (line.check, _plain(line.what), _plain(line.remedy))
        wanted = (self.finding, self.says, self.remedy)
        return all(_matches(*each) for each in zip(wanted, told, strict=True))


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def _matches(wanted: str, told: str) -> bool:
    pattern = ".*".join(map(re.escape, _plain(wanted).split("…")))
    return re.fullmatch(pattern, told) is not None


ROWS: Final = {
    name: Row(*words) for name, *words in _ROW.findall((DOCS / "operators.md").read_text())
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a fault is planted: a sound installation, and an empty folder."""

    world: World
    folder: Path
    clock: WrongClock


Plant = Callable[[Stage], Awaitable[Settings]]


async def nobody_there(stage: Stage) -> Settings:
    """The store's URL has a typing error."""
    return _stored(stage.world, url=f"unix://{stage.folder}/redsi.sock")


async def wrong_password(stage: Stage) -> Settings:
    """The password in the file is another one than the server's."""
    stage.world.single.ask("ACL", "SETUSER", "jit", "on", ">right", "~*", "&*", "+@all")
    return _stored(stage.world, username="jit", password_file=_private(stage.folder, "wrong"))


async def too_few_rights(stage: Stage) -> Settings:
    """The user may not ask the server what it is."""
    stage.world.single.ask("ACL", "SETUSER", "jit", "on", ">right", "~*", "&*", "+@all", "-info")
    return _stored(stage.world, username="jit", password_file=_private(stage.folder, "right"))


async def evicts(stage: Stage) -> Settings:
    """The server was set up as a cache."""
    stage.world.single.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    return stage.world.config.settings()


async def forgets(stage: Stage) -> Settings:
    """The server keeps nothing on a disk, as it comes."""
    stage.world.single.ask("CONFIG", "SET", "appendonly", "no")
    return stage.world.config.settings()


async def nothing_published(stage: Stage) -> Settings:
    """`broker apply` was not run."""
    await stage.world.stop()
    stage.world.single.ask("FLUSHALL")
    return stage.world.config.settings()


async def no_key(stage: Stage) -> Settings:
    """`broker keys init` was not run."""
    return await nothing_published(stage)


async def key_elsewhere(stage: Stage) -> Settings:
    """This is the second machine, and nobody brought the key file."""
    for key in stage.world.config.keys.glob("*.pem"):
        key.unlink()
    return stage.world.config.settings()


async def key_open(stage: Stage) -> Settings:
    """The key file came by a copy that everybody may read."""
    for key in stage.world.config.keys.glob("*.pem"):
        key.chmod(0o644)
    return stage.world.config.settings()


async def issuer_away(stage: Stage) -> Settings:
    """The issuer's address is wrong, or a firewall is in the way."""

    def change(file: Any) -> None:
        file["issuers"][0]["keys"] = {"url": "http://127.0.0.1:9/jwks.json"}

    stage.world.config.edit("issuers.yaml", change)
    return stage.world.config.settings()


async def other_name(stage: Stage) -> Settings:
    """The certificate is for an internal name, and agents call another."""
    files = Authority(stage.folder, "root").issue("inner", hosts=("broker.internal",))
    return _served(stage.world, files)


async def expired(stage: Stage) -> Settings:
    """Nobody renewed it."""
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    files = Authority(stage.folder, "root").issue(
        "old", begins=begins, life=timedelta(days=1), hosts=("broker.example",)
    )
    return _served(stage.world, files)


async def nobody_listens(stage: Stage) -> Settings:
    """A resource server is registered for the feed, and does not reach the broker."""
    return stage.world.config.settings()


async def unregistered(stage: Stage) -> Settings:
    """A capability is for an audience that nobody registered: the world has one."""
    return stage.world.config.settings()


async def audit_folder_missing(stage: Stage) -> Settings:
    """Nobody made /var/log/jit-broker."""
    return stage.world.config.settings(audit=Audit(file=stage.folder / "log" / "audit.jsonl"))


async def clocks_apart(stage: Stage) -> Settings:
    """No NTP: this machine is ten minutes slow."""
    stage.clock.shift_ms = -600_000
    return replace(stage.world.config.settings(), clock=ClockLimits())


async def drift(stage: Stage) -> Settings:
    """A file was changed and not published."""
    stage.world.config.edit_agent("invoice-bot", purpose="something else")
    return stage.world.config.settings()


async def panic_open(stage: Stage) -> Settings:
    """Others may write the panic socket's folder."""
    open_folder = stage.folder / "p"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    return stage.world.config.settings(panic_socket=open_folder / "s")


PLANTS: Final[dict[str, Plant]] = {
    "1": nobody_there,
    "2": wrong_password,
    "3": evicts,
    "4": forgets,
    "5": nothing_published,
    "6": key_elsewhere,
    "7": issuer_away,
    "8": other_name,
    "9": nobody_listens,
    "10": audit_folder_missing,
    "11": too_few_rights,
    "12": no_key,
    "13": key_open,
    "14": clocks_apart,
    "15": drift,
    "16": expired,
    "17": unregistered,
    "18": panic_open,
}


OF_THE_WORLD: Final = ("9", "17")
"""Faults that every installation of these tests has."""


def _stored(world: World, **changes: object) -> Settings:
    settings = world.config.settings()
    return replace(settings, store=replace(settings.store, deadline_ms=2_000, **changes))


def _served(world: World, files: tuple[Path, Path]) -> Settings:
    tls = TlsFiles(cert_file=files[0], key_file=files[1])
    return world.config.settings(listen=Listen(tls=tls), issuer="https://broker.example")


def _private(folder: Path, text: str) -> Path:
    file = folder / "password"
    file.write_text(text)
    file.chmod(0o600)
    return file


@pytest.fixture
async def mended(world: World) -> AsyncIterator[World]:
    """A sound installation, whose server is as it was afterwards."""
    yield world
    for setting in ("maxmemory-policy noeviction", "appendonly yes"):
        world.single.ask("CONFIG", "SET", *setting.split())
    world.single.ask("ACL", "DELUSER", "jit")


def test_every_row_of_the_page_is_planted() -> None:
    """Ten that are the commonest, and more."""
    assert list(ROWS) == list(PLANTS)


@pytest.mark.parametrize("name", PLANTS)
async def test_a_fault_of_the_page_is_found_with_its_remedy(
    mended: World, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In these words; without the fault nothing of the kind is said."""
    row, clock = ROWS[name], WrongClock()
    monkeypatch.setattr("broker.doctor.SystemClock", lambda: clock)
    before = [line async for line in Doctor(mended.config.settings()).run()]
    settings = await PLANTS[name](Stage(mended, tmp_path, clock))

    found = [line async for line in Doctor(settings).run()]

    said = [line for line in found if row.is_said_by(line)]
    assert said, "\n".join(f"{e.check}: {e.what}: {e.remedy}" for e in found if e.state != "ok")
    assert all(line.state in ("warn", "fail") and line.where for line in said)
    assert name in OF_THE_WORLD or not any(map(row.is_said_by, before))


async def test_the_rights_that_are_printed_are_all_that_a_broker_needs(mended: World) -> None:
    """Whatever the user may not do, one line is named; typed, it is enough, and is no more."""
    mended.single.ask("ACL", "SETUSER", "jit", "on", ">right", "~*", "+@read", "+info")
    settings = await _login(mended)
    lines = [line async for line in Doctor(settings).run()]
    refused = [line for line in lines if "permission" in line.what]
    (typed,) = {line.remedy.partition(": ")[2] for line in refused}

    mended.single.ask("ACL", "SETUSER", "jit", "reset", "on", ">right")
    mended.single.ask(*typed.split())

    found = [line async for line in Doctor(settings).run()]
    assert len(refused) > 1
    assert not [line for line in found if "permission" in line.what]
    await mended.start(store=settings.store)
    task = await mended.open(at=1)
    await mended.issue(task["id"], at=1)
    assert (await mended.end(task["id"]))["task"]["state"] == "completed"
    for asked in ("CONFIG SET appendonly no", "FLUSHALL", "GET other:key"):
        assert "no permissions" in str(mended.single.ask("ACL", "DRYRUN", "jit", *asked.split()))


async def _login(world: World) -> Settings:
    password = world.config.keys.parent / "store-password"
    password.write_text("right")
    password.chmod(0o600)
    return _stored(world, username="jit", password_file=password)


async def test_who_is_registered_and_listens_is_no_finding(world: World) -> None:
    """The ledger knows who listens; silence longer than the bound counts as nobody."""
    world.config.edit("capabilities.yaml", lambda file: file["capabilities"].pop())
    servers = world.config.bundle.document.resource_servers
    (server,) = (each.resource_server() for each in servers if each.check is CheckMode.FEED)

    async with open_installation(world.config.settings()) as found:
        log = FeedLog(found.link, world.config.settings().store.namespace)
        joined = await log.subscribers.join(
            server, Connection("orders-1", "n"), after=0, epoch="", most=9
        )
        assert joined is not None
        assert await log.subscribers.listening(server, joined.now_ms + 5_000) == 1
        assert await log.subscribers.listening(server, joined.now_ms + 5_001) == 0
        lines = [line async for line in Doctor(world.config.settings()).run()]

    (line,) = [line for line in lines if line.check == "resource-servers"]
    assert (line.state, line.what) == ("ok", "2 registered, 1 connections follow the feed")


async def test_without_a_ledger_the_first_thing_to_mend_is_named(world: World) -> None:
    """Nobody is told to restore or publish anything because a server was not reached."""
    await world.stop()

    lines = [line async for line in Doctor(_stored(world, url="unix:///nowhere/redis.sock")).run()]

    others = {e.remedy for e in lines if e.state == "fail" and e.check != "store"}
    assert others == {"mend what is said of `store` first"}
