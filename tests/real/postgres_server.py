"""A real PostgreSQL of a test's own. It refuses to be root, and is ``postgres`` then."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.real.peer_process import free_port

_START_S: Final = 60.0
SUPERUSER: Final = "postgres"
PASSWORD: Final = "only-for-tests"


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, if it is installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


class PostgresServer:
    """One server on the loopback interface, which a test may freeze, kill and restart."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder
        self._home = Path(tempfile.mkdtemp(prefix="jit-pg-"))
        self._user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self._user:
            shutil.chown(self._home, "postgres", "postgres")
        self.port = free_port()
        self._settings: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._make()

    def _make(self) -> None:
        secret = self._home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb",
            "-D",
            self._data,
            "-A",
            "scram-sha-256",
            "--no-sync",
            "-U",
            SUPERUSER,
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C",
        )

    def encrypt(self, certificate: Path, key: Path) -> None:
        """Let nobody in without TLS, from the next start on."""
        for file, name in ((certificate, "server.crt"), (key, "server.key")):
            there = Path(self._data) / name
            shutil.copy(file, there)
            there.chmod(0o600)
            if self._user:
                shutil.chown(there, "postgres", "postgres")
        self._settings = {"ssl": "on"}
        rules = Path(self._data) / "pg_hba.conf"
        rules.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")

    @property
    def _data(self) -> str:
        return str(self._home / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - ours
            [self._bin / program, *arguments],
            check=True,
            capture_output=True,
            cwd="/",
            **self._user,
        )

    def start(self) -> None:
        """Start it, with the data it had, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "log_statement": "all",
            "max_connections": 60,
            **self._settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ours
                [self._bin / "postgres", "-D", self._data, *options],
                stdout=log,
                stderr=log,
                cwd="/",
                **self._user,  # type: ignore[call-overload]
            )
        ends = time.monotonic() + _START_S
        while True:
            try:
                self.ask("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.05)
            else:
                return

    @property
    def log(self) -> Path:
        """What it wrote, every statement included."""
        return self._home / "log"

    def stop(self) -> None:
        """Stop it at once, its sessions included."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_S)

    def remove(self) -> None:
        """Stop it, and forget its data."""
        self.stop()
        shutil.rmtree(self._home)

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing."""
        for pid in [self._pid, *self._children()]:
            _tell(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        for pid in [*self._children(), self._pid]:
            _tell(pid, signal.SIGCONT)

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _children(self) -> list[int]:
        words = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text()
        return [int(word) for word in words.split()]

    def ask(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; return the rows of the last."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=PASSWORD,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description is not None else []

    def roles(self) -> list[str]:
        """Name the roles that the broker has made and that are there."""
        rows = self.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jit\\_%' ORDER BY 1")
        return [name for (name,) in rows]

    def sweep(self) -> None:
        """End all credentials that other tests have left."""
        for role in self.roles():
            mine = f"FROM pg_stat_activity WHERE usename = '{role}'"
            self.ask(f"SELECT pg_terminate_backend(pid) {mine}")
            self.ask(f'DROP OWNED BY "{role}"', database="orders")
            self.ask(f'DROP ROLE "{role}"')


def _tell(pid: int, number: signal.Signals) -> None:
    """Send a signal to whoever is still there: sessions come and go."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


SCHEMA: Final = """
CREATE ROLE broker LOGIN CREATEROLE PASSWORD 'admin-of-tests';
CREATE DATABASE orders OWNER broker;
GRANT SET ON PARAMETER app.tenant TO broker;
"""

TABLES: Final = """
CREATE SCHEMA shop AUTHORIZATION broker;
SET ROLE broker;
CREATE TABLE shop.orders (id int PRIMARY KEY, item text);
CREATE TABLE shop.payments (id int PRIMARY KEY, card text);
INSERT INTO shop.orders VALUES (1, 'tea'), (2, 'milk');
INSERT INTO shop.payments VALUES (1, 'secret');
GRANT CREATE ON SCHEMA shop TO PUBLIC;
"""


def furnish(server: PostgresServer) -> None:
    """Make a database, and an admin who is no superuser."""
    for statement in SCHEMA.strip().splitlines():
        server.ask(statement)
    server.ask(TABLES, database="orders")


def running() -> Iterator[PostgresServer]:
    """Run one with the tables of tests."""
    folder = binaries()
    assert folder is not None
    server = PostgresServer(folder)
    try:
        server.start()
        furnish(server)
        yield server
    finally:
        server.remove()
