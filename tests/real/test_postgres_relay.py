"""Clients of PostgreSQL go through the relay to a real server, and hold a stand-in alone."""

import asyncio
import importlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fakes.eventually_true import eventually_true
from tests.fakes.login_lab import Holder, Lab, relayed
from tests.fakes.pretend_secrets import drawn
from tests.real.postgres_server import PostgresServer

pytestmark = pytest.mark.real

PASSWORD = drawn("relayed", 24)


@pytest.fixture
def role(postgres: PostgresServer) -> Iterator[str]:
    """A login that may read and write."""
    postgres.ask(f"CREATE ROLE relayed LOGIN PASSWORD '{PASSWORD}'")
    postgres.ask("GRANT USAGE ON SCHEMA shop TO relayed", database="orders")
    postgres.ask("GRANT SELECT, INSERT ON shop.orders TO relayed", database="orders")
    yield "relayed"
    postgres.ask("DELETE FROM shop.orders WHERE id > 2", database="orders")
    postgres.ask("DROP OWNED BY relayed", database="orders")
    postgres.ask("DROP ROLE relayed")


@pytest.fixture
async def lab(postgres: PostgresServer, role: str) -> AsyncIterator[Lab]:
    """A relay to it; the server is this machine's, and offers no TLS."""
    async with relayed(postgres.port, Holder(role, PASSWORD, sslmode="disable")) as lab:
        yield lab


async def psql(lab: Lab, *arguments: str, text: str = "", **changes: str) -> tuple[int, str, str]:
    """Run psql with what the child is given."""
    words = lab.login | changes
    environment = {
        "PATH": os.environ["PATH"],
        "PGHOST": words["host"],
        "PGPORT": words["port"],
        "PGDATABASE": words["database"],
        "PGUSER": words["username"],
        "PGPASSWORD": words["password"],
    }
    done = await asyncio.to_thread(
        subprocess.run,
        ["psql", "-X", "-At", *arguments],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


needs_psql = pytest.mark.skipif(shutil.which("psql") is None, reason="needs psql")


@needs_psql
async def test_psql_asks_copies_in_and_out_and_makes_mistakes(lab: Lab, tmp_path: Path) -> None:
    """As at the server itself: rows, 2 MiB each way, an error, and the real role's name."""
    lines = "".join(f"{number}\t{'x' * 200}\n" for number in range(3, 10_003))
    (tmp_path / "lines").write_text(lines)
    copy_in = f"\\copy shop.orders from '{tmp_path / 'lines'}'"
    copy_out = f"\\copy (TABLE shop.orders OFFSET 2) to '{tmp_path / 'back'}'"
    wrong = "SELECT nothing_of_the_kind"

    code, out, err = await psql(
        lab, *("-c", copy_in), *("-c", copy_out), *("-c", "SELECT current_user"), *("-c", wrong)
    )

    assert (code, out) == (1, "COPY 10000\nCOPY 10000\nrelayed\n")
    assert "nothing_of_the_kind" in err
    assert (tmp_path / "back").read_text() == lines
    assert await lab.told_uses() == ["LOGIN answered"]


@needs_psql
async def test_psql_is_told_readably_why_it_is_not_let_in(lab: Lab) -> None:
    """A wrong stand-in, another user, another database, replication, a credential that ended."""
    refused = {
        "not this run's": await psql(lab, "-c", "SELECT 1", password="standin_wrong"),
        "user": await psql(lab, "-c", "SELECT 1", username="relayed"),
        "database": await psql(lab, "-c", "SELECT 1", database="postgres"),
        "replication": await psql(lab, "-c", "SELECT 1", "replication=database"),
    }
    lab.holder.is_held = False
    refused["has ended"] = await psql(lab, "-c", "SELECT 1")

    for text, (code, out, err) in refused.items():
        assert (code, out) == (2, ""), text
        assert "FATAL:  jit-broker: " in err
        assert text in err
        assert PASSWORD not in err
    assert "HINT" in refused["has ended"][2]


@needs_psql
async def test_the_server_s_own_no_comes_through(lab: Lab, postgres: PostgresServer) -> None:
    """The role was dropped under the relay: PostgreSQL itself says so."""
    postgres.ask("ALTER ROLE relayed NOLOGIN")

    code, _, err = await psql(lab, "-c", "SELECT 1")

    assert code == 2
    assert 'role "relayed" is not permitted to log in' in err
    assert await lab.told_uses() == ["LOGIN server-refused"]


@needs_psql
async def test_ctrl_c_cancels_the_statement(lab: Lab, postgres: PostgresServer) -> None:
    """The order reaches the real session; psql and its session go on."""
    words = lab.login
    login = f"host=127.0.0.1 port={words['port']} dbname=orders user=run sslmode=disable"
    process = await asyncio.create_subprocess_exec(
        *("psql", "-X", "-At", login, "-c", "SELECT pg_sleep(600)", "-c", "SELECT 'goes on'"),
        env={"PATH": os.environ["PATH"], "PGPASSWORD": words["password"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    async def sleeps() -> bool:
        asked = "SELECT 1 FROM pg_stat_activity WHERE usename = 'relayed' AND state = 'active'"
        return bool(await asyncio.to_thread(postgres.ask, asked))

    await eventually_true(sleeps, "its statement")
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        out, err = await process.communicate()

    assert b"canceling statement due to user request" in err
    assert process.returncode in {0, 1}, (out, err)
    assert sorted(await lab.told_uses(2)) == ["CANCEL answered", "LOGIN answered"]


async def test_a_child_cancels_no_session_but_its_own(lab: Lab) -> None:
    """By the server's own key nothing is cancelled either: the child does not know it."""
    connection = await psycopg.AsyncConnection.connect(**lab.libpq)
    async with connection:
        pid = connection.info.backend_pid
        for key in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
            reader, writer = await asyncio.open_connection("127.0.0.1", lab.libpq["port"])
            writer.write(b"\0\0\0\x10\x04\xd2\x16\x2e" + pid.to_bytes(4, "big") + key)
            assert await reader.read() == b""
            writer.close()
        cursor = await connection.execute("SELECT pg_backend_pid()")
        found = await cursor.fetchone()

    assert found == (pid,)


async def test_a_credential_that_ends_ends_the_session_in_mid_query(lab: Lab) -> None:
    """By an error of its own; a new login is refused, and one later let in again."""
    connection = await psycopg.AsyncConnection.connect(**lab.libpq)
    statement = asyncio.create_task(connection.execute("SELECT pg_sleep(600)"))
    await asyncio.sleep(0.1)
    lab.holder.is_held = False
    async with asyncio.timeout(20):
        with pytest.raises(psycopg.OperationalError, match="has ended") as raised:
            await statement
    with pytest.raises(psycopg.OperationalError, match="has ended or cannot be had"):
        await psycopg.AsyncConnection.connect(**lab.libpq)
    lab.holder.is_held = True
    async with await psycopg.AsyncConnection.connect(**lab.libpq) as again:
        assert await (await again.execute("SELECT 1")).fetchone() == (1,)

    assert raised.value.sqlstate == "57P01"
    assert (await lab.told_uses(2))[:2] == ["LOGIN cut", "LOGIN credential-not-held"]


async def test_a_renewal_and_a_long_silence_cut_nothing(lab: Lab) -> None:
    """Another password of the same lease, and some looks later: the session is as it was."""
    async with await psycopg.AsyncConnection.connect(**lab.libpq) as connection:
        lab.holder.words["password"] = drawn("renewed", 24)
        await asyncio.sleep(0.3)

        assert await (await connection.execute("SELECT 2")).fetchone() == (2,)


async def test_asyncpg_asks_listens_and_streams(
    lab: Lab, part: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prepared statements, rows by a cursor, COPY both ways, and notices of its own session."""
    monkeypatch.syspath_prepend(str(part("database-drivers").parents[1]))
    asyncpg: Any = importlib.import_module("asyncpg")
    words, heard = lab.login, asyncio.Queue[tuple[int, str]]()
    connection = await asyncpg.connect(
        host=words["host"],
        port=int(words["port"]),
        user=words["username"],
        password=words["password"],
        database=words["database"],
        server_settings={"application_name": "the child's"},
    )
    try:
        hear = lambda _, pid, __, text: heard.put_nowait((pid, text))  # noqa: E731 - one line
        await connection.add_listener("news", hear)
        await connection.execute("SELECT pg_notify('news', 'here')")
        async with asyncio.timeout(20):
            pid, text = await heard.get()
        rows = [(number, "x") for number in range(3, 203)]
        await connection.copy_records_to_table("orders", records=rows, schema_name="shop")
        async with connection.transaction():
            cursor = connection.cursor("SELECT id FROM shop.orders WHERE id > $1 ORDER BY id", 2)
            found = [row["id"] async for row in cursor]
        name = await connection.fetchval("SELECT current_setting('application_name')")
        with pytest.raises(asyncio.TimeoutError):  # it cancels by itself
            await connection.execute("SELECT pg_sleep(600)", timeout=0.2)
        after = await connection.fetchval("SELECT 3")
    finally:
        await connection.close(timeout=20)

    assert (pid, text, name, after) == (connection.get_server_pid(), "here", "the child's", 3)
    assert found == list(range(3, 203))


async def test_sqlalchemy_has_a_pool_of_stand_ins(
    lab: Lab, part: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a URL, as scripts have it; nothing of the credential is in it."""
    monkeypatch.syspath_prepend(str(part("database-drivers").parents[1]))
    alchemy: Any = importlib.import_module("sqlalchemy")
    words = lab.login
    url = "postgresql+psycopg://{username}:{password}@{host}:{port}/{database}".format(**words)

    def count() -> int:
        engine = alchemy.create_engine(url)
        try:
            with engine.connect() as one, engine.connect() as other:
                text = alchemy.text("SELECT count(*) FROM shop.orders")
                return int(one.execute(text).scalar() + other.execute(text).scalar())
        finally:
            engine.dispose()

    assert await asyncio.to_thread(count) == 4
