"""`broker run` around PostgreSQL's own programs, before a real server."""

import json
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.run_command import WAIT
from tests.fakes.run_world import runs
from tests.fakes.world_config import Template
from tests.real.database_world import DatabaseWorld, open_database_world, target
from tests.real.postgres_server import PostgresServer

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("psql") is None, reason="needs psql"),
]

NEED = ("--need", "orders-db", "--scope", "orders:read")
WHO = "psql -X -At -c 'SELECT current_user, count(*) FROM shop.orders'"


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    postgres: PostgresServer,
) -> AsyncIterator[DatabaseWorld]:
    """One broker that has the database."""
    secret = tmp_path / "admin"
    secret.write_text("admin-of-tests\n")
    targets = [target(postgres, secret), target(postgres, secret) | {"name": "other-db"}]
    async with open_database_world(single, template, signer, tmp_path, targets) as world:
        yield world


async def test_psql_logs_in_as_whoever_is_held_now(
    world: DatabaseWorld, postgres: PostgresServer, tmp_path: Path
) -> None:
    """Another role follows the first ahead of its end; both are gone when the command is."""
    script = f'echo "$BROKER_RUN_DIR" > place; {WHO} > first; {WAIT}{WHO} > second'
    async with runs(world, tmp_path) as begin:
        run = begin(script, "--credential-ttl", "12s", needs=NEED)
        await run.started()
        first = run.read("first").split("|")
        services = Path(run.read("place").strip()) / "orders-db.pg_service.conf"
        await run.until(lambda: first[0] not in services.read_text(), "another role")
        run.go()
        code, _, err = await run.ended()
        second = run.read("second").split("|")

    async def has_gone() -> bool:
        return postgres.roles() == []

    assert (code, err) == (0, "")
    assert first[0] != second[0]
    assert (first[1], second[1]) == ("2\n", "2\n")
    await eventually_true(has_gone, "the end of both roles")


async def test_behind_the_proxy_psql_logs_in_without_the_login(
    world: DatabaseWorld, postgres: PostgresServer, tmp_path: Path
) -> None:
    """Variables, files and desk have a stand-in; the server sees the role, which ends with it."""
    route = {"need": "orders-db", "scheme": "postgres", "host": "localhost", "local": True}
    routes, log = tmp_path / "routes.json", tmp_path / "uses.jsonl"
    routes.write_text(json.dumps([{**route, "port": postgres.port, "database": "orders"}]))
    desk = "$BROKER_RUN_URL/v1/credentials/orders-db"
    ask = f'curl -s --noproxy "*" -H "Authorization: Bearer $BROKER_RUN_TOKEN" "{desk}"'
    script = (
        f'env > env; cat "$BROKER_RUN_DIR"/orders-db.* > files; {ask} > desk;'
        f" {WHO} > first; PGPASSWORD=standin_wrong {WHO} 2> wrong; {WAIT}"
    )
    options = ("--proxy", str(routes), "--only-declared", "--proxy-log", str(log))
    async with runs(world, tmp_path) as begin:
        run = begin(script, *options, needs=NEED)
        await run.started()
        (role,) = postgres.roles()
        run.go()
        code, out, err = await run.ended()
    shown = run.read("env") + run.read("files") + run.read("desk") + out + err

    async def has_gone() -> bool:
        return postgres.roles() == []

    assert (code, err) == (0, "")
    assert run.read("first") == f"{role}|2\n"
    assert "need-is-proxied" in run.read("desk")
    assert "jit-broker: the user or the password is not this run's" in run.read("wrong")
    assert "standin_" in run.read("files")
    assert role not in shown
    uses = [json.loads(line) for line in log.read_text().splitlines()]
    assert [use.get("problem", use["outcome"]) for use in uses] == ["answered", "not-this-run"]
    await eventually_true(has_gone, "the end of its role")


async def test_a_killed_run_leaves_no_role_and_no_session(
    world: DatabaseWorld, postgres: PostgresServer, tmp_path: Path
) -> None:
    """The idle timeout of its task ends both at the server itself."""
    script = f"trap '' TERM; {WHO} > first; touch started; psql -X -c 'SELECT pg_sleep(600)'"
    async with runs(world, tmp_path) as begin:
        run = begin(script, "--idle", "5s", needs=NEED)
        await run.started()
        (role,) = postgres.roles()
        run.send(signal.SIGKILL)

        async def has_gone() -> bool:
            return postgres.roles() == []

        await eventually_true(has_gone, "the end of its role")
    sessions = postgres.ask(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'")  # noqa: S608 - a name of ours

    assert sessions == [(0,)]
    assert run.read("first").startswith(role)
