"""PostgreSQL as a backend keeps the contract, on a real server."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backends.contract import Wish
from backends.kit import broken_promises, unchecked
from backends.kit_lists import PROMISES as LISTS
from backends.postgres import Postgres
from backends.postgres_shapes import Grant, PostgresOptions, PostgresTemplate
from tests.real.lossy_proxy import LossyProxy
from tests.real.postgres_server import PostgresServer

pytestmark = pytest.mark.real

TEMPLATE = PostgresTemplate(
    scopes={
        "read": (Grant(privileges=("SELECT",), schema="shop", tables=("orders",)),),
        "write": (Grant(privileges=("INSERT",), schema="shop", tables=("orders",)),),
    }
)


def options(server: PostgresServer, folder: Path, **changes: Any) -> PostgresOptions:
    """Describe the database to the backend."""
    secret = folder / "admin"
    secret.write_text("admin-of-tests\n")
    return PostgresOptions(
        **{
            "host": "127.0.0.1",
            "port": server.port,
            "database": "orders",
            "admin": "broker",
            "password_file": secret,
            "sslmode": "disable",
            **changes,
        }
    )


def login(words: Mapping[str, str], port: int) -> "psycopg.Connection[Any]":
    """Log in with what was delivered."""
    return psycopg.connect(
        host=words["host"],
        port=port,
        dbname=words["database"],
        user=words["username"],
        password=words["password"],
        connect_timeout=10,
        autocommit=True,
    )


@dataclass
class Opened:
    """A session."""

    connection: "psycopg.Connection[Any]"

    def is_open(self) -> bool:
        """Ask something."""
        try:
            self.connection.execute("SELECT count(*) FROM shop.orders")
        except psycopg.Error:
            return False
        return True


class PostgresLab:
    """A real database, behind a proxy that can lose answers."""

    def __init__(self, server: PostgresServer, proxy: LossyProxy, folder: Path) -> None:
        self._server = server
        self._proxy = proxy
        self._opened: list[Opened] = []
        self._options = options(server, folder, port=proxy.port)
        self.backend = Postgres(self._options, lambda: self.epoch)

    epoch = "an-epoch"

    def other_ledger(self) -> Postgres:
        """Work for somebody else."""
        return Postgres(self._options, lambda: "another-epoch")

    def stranger(self) -> str:
        """Make a role that is nobody's of us."""
        self._server.ask("DROP ROLE IF EXISTS reporting; CREATE ROLE reporting")
        return "reporting"

    def wish(self, number: int) -> Wish:
        """Ask for reading."""
        return Wish(
            lease=f"l_00_{number:026d}",
            task="t_00_" + "a" * 26,
            tenant="acme",
            agent="invoice-bot",
            capability="orders-db",
            on_behalf_of="",
            scopes=("read",),
            template=TEMPLATE,
        )

    def is_let_in(self, words: Mapping[str, str]) -> bool:
        """Log in and read."""
        try:
            with login(words, self._server.port) as connection:
                connection.execute("SELECT * FROM shop.orders")
        except psycopg.Error:
            return False
        return True

    def enter(self, words: Mapping[str, str]) -> Opened:
        """Log in and stay."""
        opened = Opened(login(words, self._server.port))
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close every session."""
        for opened in self._opened:
            opened.connection.close()

    @contextlib.contextmanager
    def losing_replies(self) -> Iterator[None]:
        """Lose what the server answers to a COMMIT."""
        with self._proxy.losing_after(b"COMMIT"):
            yield


def test_it_keeps_every_promise(postgres: PostgresServer, tmp_path: Path) -> None:
    """All of them; it has no lists, and nothing else is left unchecked."""
    with LossyProxy(postgres.port) as proxy:
        lab = PostgresLab(postgres, proxy, tmp_path)

        with contextlib.closing(lab):
            assert broken_promises(lab) == {}
            assert set(unchecked(lab)) == set(LISTS)
