"""Ledger and a real PostgreSQL are compared: whose a role is, who dropped it, who left it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.cli import exits
from tests.fakes.issuer import Signer
from tests.fakes.reconcile_command import Command, differing, write_down
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import Template
from tests.real.database_world import (
    DB,
    DatabaseWorld,
    is_cut_off,
    is_refused,
    open_database_world,
    session,
    target,
)
from tests.real.postgres_server import PostgresServer

pytestmark = pytest.mark.real

REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)
SURE = ("--kill", "--yes", "--reason", "a test")
LEASE = "l_00_" + "a" * 26


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again after a moment: what a test leaves is under way for no longer."""
    monkeypatch.setattr("broker.comparing.second_look_ms", lambda target: 100)  # noqa: ARG005


@pytest.fixture
def databases(postgres: PostgresServer, tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """The database as a target; afterwards no role of ours is left."""
    secret = tmp_path / "admin"
    secret.write_text("admin-of-tests\n")
    bounds = {"deadline_ms": 10_000, "reconcile_seconds": 0}
    yield [target(postgres, secret, **bounds)]
    for role in postgres.roles():
        postgres.ask(f"DROP OWNED BY {role}; DROP ROLE {role}", database="orders")


@asynccontextmanager
async def opened(
    single: SingleServer,
    template: Template,
    signer: Signer,
    folder: Path,
    databases: list[dict[str, Any]],
) -> AsyncIterator[DatabaseWorld]:
    """Open a world whose files a command can read."""
    async with open_database_world(single, template, signer, folder, databases) as world:
        write_down(world)
        yield world


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    databases: list[dict[str, Any]],
) -> AsyncIterator[DatabaseWorld]:
    """One broker that has the database."""
    async with opened(single, template, signer, tmp_path, databases) as world:
        yield world


@pytest.fixture
async def other(
    template: Template,
    signer: Signer,
    tmp_path_factory: pytest.TempPathFactory,
    databases: list[dict[str, Any]],
) -> AsyncIterator[DatabaseWorld]:
    """Another installation with a ledger of its own, on the same database."""
    single = SingleServer(tmp_path_factory.mktemp("ledger"))
    folder = tmp_path_factory.mktemp("other")
    single.start()
    try:
        async with opened(single, template, signer, folder, databases) as world:
            yield world
    finally:
        single.stop()


@pytest.fixture
def command(world: DatabaseWorld, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command over the first."""
    return Command(world, capsys)


async def issued(world: DatabaseWorld, count: int = 1) -> list[dict[str, Any]]:
    """Mint some roles, each for a task of its own."""
    return [await world.issue(await world.task_for_database(), **DB) for _ in range(count)]


def role_of(credential: dict[str, Any]) -> str:
    """Return the name of a credential's role."""
    return str(credential["secret"]["username"])


async def test_whose_a_role_is_its_holder_cannot_change(
    world: DatabaseWorld, postgres: PostgresServer
) -> None:
    """The server keeps it as a comment, which only an admin of roles may write."""
    (mine,) = await issued(world)
    role = role_of(mine)
    ways = (
        f"COMMENT ON ROLE {role} IS 'jit-broker another orders'",
        f"COMMENT ON ROLE {role} IS NULL",
        f"ALTER ROLE {role} RENAME TO reporting",
        "UPDATE pg_shdescription SET description = ''",
    )
    with session(mine["secret"]) as connection:
        for way in ways:
            with pytest.raises(REFUSED):
                connection.execute(way)

    asked = f"SELECT shobj_description('{role}'::regrole, 'pg_authid')"
    assert postgres.ask(asked) == [(f"jit-broker {world.broker.replica.epoch} orders",)]


async def test_two_ledgers_on_one_cluster_never_touch_each_other(
    world: DatabaseWorld,
    other: DatabaseWorld,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    postgres: PostgresServer,
) -> None:
    """Each sees the other's as foreign; what the one left behind, the other leaves alone."""
    mine, theirs = await issued(world, 2), await issued(other, 2)
    theirs_epoch = other.broker.replica.epoch
    backup = world.single.back_up()
    (orphan,) = await issued(world)
    await world.stop()
    world.single.restore(backup)

    code, told = await Command(other, capsys).run(*SURE)
    assert (code, told["differences"]) == (exits.OK, [])
    assert told["targets"][0]["foreign"] == {told_epoch(world): 3}
    assert len(postgres.roles()) == 5

    code, told = await command.run(*SURE)
    assert differing(told) == {role_of(orphan): "orphan"}
    assert (code, told["targets"][0]["foreign"]) == (exits.OK, {theirs_epoch: 2})
    assert set(postgres.roles()) == {role_of(each) for each in [*mine, *theirs]}
    assert not any(is_refused(each["secret"]) for each in theirs)
    assert is_refused(orphan["secret"])


def told_epoch(world: DatabaseWorld) -> str:
    """Read a ledger's epoch, whether a broker runs or not."""
    return str(world.single.ask("HGET", "jit:{control}:record", "epoch"))


async def test_a_restored_backup_leaves_orphans_that_are_ended_with_their_sessions(
    world: DatabaseWorld, command: Command, postgres: PostgresServer
) -> None:
    """What was minted since bears the same epoch, and no lease."""
    backup = world.single.back_up()
    since = await issued(world, 2)
    await world.stop()
    world.single.restore(backup)
    with session(since[0]["secret"]) as connection:
        code, shown = await command.run("orders-db")
        assert (code, shown["condemned"]) == (exits.REFUSED, 2)
        assert differing(shown) == dict.fromkeys(map(role_of, since), "orphan")
        assert not is_cut_off(connection)

        code, done = await command.run(
            "orders-db", "--kill", shown["digest"], "--reason", "restored the backup"
        )

        assert (code, {each["outcome"] for each in done["differences"]}) == (
            exits.OK,
            {"confirmed"},
        )
        assert is_cut_off(connection)
    assert all(is_refused(each["secret"]) for each in since)
    assert postgres.roles() == []


async def test_a_flushed_ledger_s_roles_are_foreign_until_their_epoch_is_named(
    world: DatabaseWorld, command: Command, postgres: PostgresServer
) -> None:
    """Nothing tells them from those of another living ledger."""
    lost = await issued(world, 2)
    former = world.broker.replica.epoch
    await world.stop()
    world.single.ask("FLUSHALL")
    await world.prepare()
    await world.publish(wait=False)
    await world.start(targets=world.config.folder / "targets.yaml")
    (kept,) = await issued(world)

    code, told = await command.run(*SURE)
    assert (code, told["targets"][0]["foreign"]) == (exits.OK, {former: 2})
    assert len(postgres.roles()) == 3

    code, told = await command.run(*SURE, "--lost-epoch", former)
    assert code == exits.OK
    assert differing(told) == dict.fromkeys(map(role_of, lost), "orphan")
    assert postgres.roles() == [role_of(kept)]
    assert not is_refused(kept["secret"])


async def test_what_people_make_is_theirs(
    world: DatabaseWorld, command: Command, postgres: PostgresServer
) -> None:
    """With our prefix, a mark of another ledger or of another database, or a name near to ours."""
    (mine,) = await issued(world)
    epoch = world.broker.replica.epoch
    made = {
        "jit_report": None,
        f"jit_{LEASE}": "what a lease would be called",
        "jit_theirs": "jit-broker another-epoch orders",
        "jit_elsewhere": f"jit-broker {epoch} another-database",
        "jit_garbled": f"jit-broker {epoch}",
        "jitter": None,
        '"JIT_upper"': None,
    }
    for role, comment in made.items():
        postgres.ask(f"CREATE ROLE {role} LOGIN")
        if comment is not None:
            postgres.ask(f"COMMENT ON ROLE {role} IS '{comment}'")

    code, told = await command.run(*SURE)

    assert code == exits.OK
    names = ("jit_report", f"jit_{LEASE}", "jit_garbled")
    assert differing(told) == dict.fromkeys(names, "unmarked")
    assert told["targets"][0]["foreign"] == {"another-epoch": 1}
    for role in made:
        postgres.ask(f"DROP ROLE {role}")  # each is still there
    assert postgres.roles() == [role_of(mine)]


async def test_a_role_that_somebody_dropped_ends_its_lease_by_order(
    world: DatabaseWorld, command: Command, postgres: PostgresServer
) -> None:
    """Shown first; then the ledger says what the database says already."""
    dropped, kept = await issued(world, 2)
    role = role_of(dropped)
    postgres.ask(f"DROP OWNED BY {role}; DROP ROLE {role}", database="orders")

    code, told = await command.run()
    assert (code, differing(told)) == (exits.REFUSED, {role: "missing"})
    code, told = await command.run("--kill", told["digest"], "--reason", "dropped by hand")

    assert (code, told["differences"][0]["outcome"]) == (exits.OK, "ended")
    receipt = await world.until_receipt(dropped["task"], dropped["id"], "confirmed")
    assert receipt["state"] == "confirmed"
    assert (await command.run())[0] == exits.OK
    assert postgres.roles() == [role_of(kept)]


async def test_a_database_that_was_put_back_has_the_undead(
    world: DatabaseWorld, command: Command, postgres: PostgresServer
) -> None:
    """The receipt was true, and is not any more."""
    (mine,) = await issued(world)
    role, epoch = role_of(mine), world.broker.replica.epoch
    await world.end(mine["task"])
    await world.until_receipt(mine["task"], mine["id"], "confirmed")
    # As a restored backup of the database has it.
    postgres.ask(f"CREATE ROLE {role} LOGIN; COMMENT ON ROLE {role} IS 'jit-broker {epoch} orders'")

    code, told = await command.run()
    assert (code, differing(told)) == (exits.REFUSED, {role: "undead"})
    assert (await command.run(*SURE))[0] == exits.OK
    assert postgres.roles() == []


async def test_a_role_that_could_not_be_dropped_is_no_alarm(
    world: DatabaseWorld, command: Command, postgres: PostgresServer
) -> None:
    """It owns something in another database, and can do nothing; later it can be removed."""
    (mine,) = await issued(world)
    role = role_of(mine)
    postgres.ask(f"CREATE TABLE kept AS SELECT 1; ALTER TABLE kept OWNER TO {role}")
    await world.end(mine["task"])
    await world.until_receipt(mine["task"], mine["id"], "confirmed")

    code, told = await command.run()
    assert (code, told["differences"]) == (exits.OK, [])

    lease = world.broker.ledger.keys.of(mine["id"]).lease(mine["id"])
    world.single.ask("DEL", lease)  # as its retention does
    code, told = await command.run()
    assert (code, differing(told)) == (exits.OK, {role: "remnant"})
    postgres.ask("DROP TABLE kept")
    assert (await command.run(*SURE))[0] == exits.OK
    assert postgres.roles() == []


async def test_many_roles_are_listed_page_by_page(
    world: DatabaseWorld, command: Command, postgres: PostgresServer
) -> None:
    """All of them, whatever the order in which they came."""
    mine = await issued(world, 2)
    postgres.ask(
        "DO $$ BEGIN FOR n IN 1..1100 LOOP"
        " EXECUTE format('CREATE ROLE jit_many_%s', n); END LOOP; END $$"
    )

    code, told = await command.run()

    assert (code, len(told["differences"])) == (exits.OK, 1100)
    assert told["targets"][0] | {"seen": 1102, "known": 2} == told["targets"][0]
    postgres.ask(
        "DO $$ BEGIN FOR n IN 1..1100 LOOP EXECUTE format('DROP ROLE jit_many_%s', n);"
        " END LOOP; END $$"
    )
    assert set(postgres.roles()) == set(map(role_of, mine))
