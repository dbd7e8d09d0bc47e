"""Drivers and pools log in at a real PostgreSQL with what a credential is at that moment."""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.client.database_login import (
    NoLoginError,
    asyncpg_connect,
    libpq_arguments,
    sqlalchemy_login,
)
from broker.client.run_credential import AsyncRunCredential, RunCredential, RunCredentialError
from tests.fakes.desk import FakeDesk
from tests.fakes.guide import Guide
from tests.real.postgres_server import PostgresServer

pytestmark = pytest.mark.real

WHO = "SELECT current_user"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDesk]:
    """A run's desk, which the environment names."""
    with FakeDesk() as desk:
        for name, value in desk.environment.items():
            monkeypatch.setenv(name, value)
        yield desk


@pytest.fixture
def roles(postgres: PostgresServer) -> Iterator[None]:
    """Two logins, as two generations of a credential are."""
    for name in ("first", "second"):
        postgres.ask(f"CREATE ROLE of_{name} LOGIN PASSWORD 'p-{name}'")
    yield
    for name in ("first", "second"):
        postgres.ask(f"DROP ROLE of_{name}")


@pytest.fixture
def drivers(part: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Load what is pinned for these tests."""
    monkeypatch.syspath_prepend(str(part("database-drivers").parents[1]))
    return importlib.import_module


def give(desk: FakeDesk, postgres: PostgresServer, name: str) -> None:
    """Let the desk give one of the logins."""
    words = {"host": "127.0.0.1", "port": str(postgres.port), "database": "orders"}
    words |= {"username": f"of_{name}", "password": f"p-{name}", "sslmode": "disable"}
    desk.gives("db", "postgres", **words)


@pytest.mark.usefixtures("roles")
def test_psycopg_logs_in_afresh(desk: FakeDesk, postgres: PostgresServer) -> None:
    """Each connection as whoever the credential is by then."""
    credential, found = RunCredential("db"), []
    for name in ("first", "second"):
        give(desk, postgres, name)
        with psycopg.connect(**libpq_arguments(credential, connect_timeout=10)) as connection:
            found.append(connection.execute(WHO).fetchone())

    assert found == [("of_first",), ("of_second",)]


@pytest.mark.usefixtures("roles")
def test_a_pool_of_psycopg_logs_in_afresh(
    desk: FakeDesk, postgres: PostgresServer, drivers: Callable[[str], Any]
) -> None:
    """What it opens later is of the later credential."""
    credential, found = RunCredential("db"), []
    give(desk, postgres, "first")
    arguments = lambda: libpq_arguments(credential)  # noqa: E731 - as a reader writes it
    pools = drivers("psycopg_pool")
    pool = pools.ConnectionPool(kwargs=arguments, min_size=0, max_size=2, open=True)
    with pool, pool.connection() as connection:
        found.append(connection.execute(WHO).fetchone())
        give(desk, postgres, "second")
        with pool.connection() as other:
            found.append(other.execute(WHO).fetchone())

    assert found == [("of_first",), ("of_second",)]


@pytest.mark.usefixtures("roles")
def test_sqlalchemy_logs_in_afresh(
    desk: FakeDesk, postgres: PostgresServer, drivers: Callable[[str], Any]
) -> None:
    """Its engine's URL has no password."""
    alchemy, found = drivers("sqlalchemy"), []
    url = f"postgresql+psycopg://127.0.0.1:{postgres.port}/orders"
    engine = alchemy.create_engine(url)
    alchemy.event.listen(engine, "do_connect", sqlalchemy_login(RunCredential("db")))
    try:
        give(desk, postgres, "first")
        with engine.connect() as connection:
            found.append(connection.execute(alchemy.text(WHO)).scalar())
            give(desk, postgres, "second")
            with engine.connect() as other:
                found.append(other.execute(alchemy.text(WHO)).scalar())
    finally:
        engine.dispose()

    assert found == ["of_first", "of_second"]
    assert "p-first" not in repr(engine)


@pytest.mark.usefixtures("roles")
async def test_asyncpg_logs_in_afresh(
    desk: FakeDesk, postgres: PostgresServer, drivers: Callable[[str], Any]
) -> None:
    """Alone, and as the pool that it brings."""
    asyncpg, found = drivers("asyncpg"), []
    give(desk, postgres, "first")
    connect = asyncpg_connect(AsyncRunCredential("db"))
    pool = asyncpg.create_pool(connect=connect, min_size=0, max_size=2)
    async with pool, pool.acquire() as connection:
        found.append(await connection.fetchval(WHO))
        give(desk, postgres, "second")
        async with pool.acquire() as other:
            found.append(await other.fetchval(WHO))

    assert found == ["of_first", "of_second"]


@pytest.mark.usefixtures("roles")
async def test_sqlalchemy_over_asyncpg_logs_in_afresh(
    desk: FakeDesk, postgres: PostgresServer, drivers: Callable[[str], Any]
) -> None:
    """By what creates its connections."""
    alchemy, found = drivers("sqlalchemy.ext.asyncio"), []
    text = drivers("sqlalchemy").text
    creator = asyncpg_connect(AsyncRunCredential("db"))
    engine = alchemy.create_async_engine("postgresql+asyncpg://", async_creator=creator)
    try:
        give(desk, postgres, "first")
        async with engine.connect() as connection:
            found.append((await connection.execute(text(WHO))).scalar())
            give(desk, postgres, "second")
            async with engine.connect() as other:
                found.append((await other.execute(text(WHO))).scalar())
    finally:
        await engine.dispose()

    assert found == ["of_first", "of_second"]


async def test_nobody_logs_in_with_what_is_gone(
    desk: FakeDesk, drivers: Callable[[str], Any]
) -> None:
    """Or with what is no login; a driver raises what the credential does."""
    drivers("asyncpg")
    desk.answers["db"] = (503, {"detail": "nothing of it is alive"})
    with pytest.raises(RunCredentialError, match="alive"):
        await asyncpg_connect(AsyncRunCredential("db"))()
    desk.gives("db")

    with pytest.raises(NoLoginError, match="access_token"):
        await asyncio.to_thread(libpq_arguments, RunCredential("db"))


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize("number", [4, 5, 6], ids=["psycopg", "sqlalchemy", "asyncpg"])
def test_the_recipes_of_the_page(
    desk: FakeDesk, postgres: PostgresServer, part: Callable[[str], Path], number: int
) -> None:
    """As they stand in docs/shapes.md."""
    give(desk, postgres, "first")
    url = f"postgresql+psycopg://127.0.0.1:{postgres.port}/orders"
    packages = str(part("database-drivers").parents[1])

    done = subprocess.run(  # noqa: S603 - our own interpreter and our own text
        [sys.executable, "-W", "error", "-c", Guide("shapes.md").of("python")[number]],
        env={**os.environ, "PYTHONPATH": packages, "ORDERS_DB": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.stdout, done.stderr) == ("of_first\n", "")
