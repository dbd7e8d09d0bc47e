"""A real PostgreSQL over TLS, trusted by its own authority and name; and one that drips."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backends.contract import Deadline, Death, Wish
from backends.errors import BackendError, Trouble
from backends.postgres import Postgres
from backends.postgres_shapes import Grant, PostgresOptions, PostgresTemplate
from tests.fakes.certificates import Authority
from tests.fakes.login_lab import Holder, relayed
from tests.real.postgres_server import PostgresServer, binaries, furnish
from tests.real.vault_lab import in_seconds, monotonic_ms, soon

pytestmark = pytest.mark.real

TEMPLATE = PostgresTemplate(
    scopes={"read": (Grant(privileges=("SELECT",), schema="shop", tables=("orders",)),)}
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who vouches for the server."""
    return Authority(tmp_path_factory.mktemp("authority"), "databases")


@pytest.fixture(scope="module")
def server(
    postgres_programs: Path,  # noqa: ARG001 - they are there
    authority: Authority,
) -> Iterator[PostgresServer]:
    """A server that lets nobody in without TLS."""
    folder = binaries()
    assert folder is not None
    server = PostgresServer(folder)
    try:
        server.start()
        furnish(server)
        server.stop()
        server.encrypt(*authority.issue("db", hosts=("db.test",)))
        server.start()
        yield server
    finally:
        server.remove()


def backend(server: PostgresServer, folder: Path, **changes: Any) -> Postgres:
    """Open the backend, as its owner declares it."""
    secret = folder / "admin"
    secret.write_text("admin-of-tests\n")
    declared: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "database": "orders",
        "admin": "broker",
        "password_file": secret,
        "sslmode": "verify-full",
    }
    return Postgres(PostgresOptions(**{**declared, **changes}), lambda: "epoch-of-tests")


def a_wish() -> Wish:
    """Ask for reading."""
    return Wish(
        lease="l_00_" + "b" * 26,
        task="t_00_" + "a" * 26,
        tenant="acme",
        agent="invoice-bot",
        capability="orders-db",
        on_behalf_of="",
        scopes=("read",),
        template=TEMPLATE,
    )


def test_a_role_is_made_used_and_killed_over_tls(
    server: PostgresServer, authority: Authority, tmp_path: Path
) -> None:
    """The agent's words say that its sessions are to be checked as the broker's are."""
    postgres = backend(server, tmp_path, ca_file=authority.ca_file)
    place = postgres.locate(a_wish(), soon())
    words = postgres.mint(a_wish(), place, in_seconds(300), soon()).words

    with login(words, authority.ca_file) as session:
        mine = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        row = session.execute(mine).fetchone()
        assert postgres.revoke(place, soon()) is Death.GONE
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")

    assert (row, words["sslmode"]) == ((True,), "verify-full")
    assert server.roles() == []


def login(words: Any, ca_file: Path) -> "psycopg.Connection[Any]":
    """Log in as an agent does."""
    return psycopg.connect(
        host=words["host"],
        port=int(words["port"]),
        dbname=words["database"],
        user=words["username"],
        password=words["password"],
        sslmode=words["sslmode"],
        sslrootcert=str(ca_file),
        autocommit=True,
    )


@pytest.mark.parametrize("wrong", ["another authority", "the system's", "another name"])
def test_a_server_that_is_not_vouched_for_gets_no_password(
    server: PostgresServer, authority: Authority, tmp_path: Path, wrong: str
) -> None:
    """It is unreachable, and no reason for anything to be taken for dead."""
    other = Authority(tmp_path, "others").ca_file
    changes: dict[str, Any] = {
        "another authority": {"ca_file": other},
        "the system's": {},
        "another name": {"ca_file": authority.ca_file, "host": "localhost"},
    }[wrong]
    postgres = backend(server, tmp_path, **changes)

    with pytest.raises(BackendError) as caught:
        postgres.locate(a_wish(), soon())

    assert caught.value.trouble is Trouble.UNREACHABLE


def test_without_tls_nobody_is_let_in(server: PostgresServer, tmp_path: Path) -> None:
    """The server says so itself."""
    postgres = backend(server, tmp_path, sslmode="disable")

    with pytest.raises(BackendError):
        postgres.locate(a_wish(), soon())


class Dripping:
    """Speaks TLS or not, and then sends one byte after the other of a message without an end."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.dripped = threading.Event()
        self._stopped = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                taken, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._drip, args=(taken,), daemon=True).start()

    def _drip(self, taken: socket.socket) -> None:
        try:
            taken.recv(8)
            if self._context is not None:
                taken.sendall(b"S")
                taken = self._context.wrap_socket(taken, server_side=True)
            with taken:
                self._send(taken)
        except OSError:
            taken.close()

    def _send(self, taken: socket.socket) -> None:
        taken.sendall(b"R\x00\x00\x07\xd0")
        while not self._stopped.wait(0.05):
            taken.sendall(b"\x00")
            self.dripped.set()

    def stop(self) -> None:
        """Drip no more."""
        self._stopped.set()
        self._listening.close()


@pytest.mark.parametrize("with_tls", [False, True])
def test_a_server_that_drips_holds_nobody_beyond_the_deadline(
    authority: Authority, tmp_path: Path, *, with_tls: bool
) -> None:
    """The thread comes free while the server still drips."""
    dripping = Dripping(authority.server_context() if with_tls else None)
    tls = {"ca_file": authority.ca_file} if with_tls else {"sslmode": "disable"}
    postgres = backend(dripping, tmp_path, **tls)  # type: ignore[arg-type]
    found: list[BackendError] = []

    def ask() -> None:
        with pytest.raises(BackendError) as caught:
            postgres.locate(a_wish(), Deadline(monotonic_ms() + 1_500, monotonic_ms))
        found.append(caught.value)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(60)
    is_free, has_dripped = not asking.is_alive(), dripping.dripped.is_set()
    dripping.stop()

    assert (is_free, has_dripped) == (True, True)
    assert found[0].trouble in {Trouble.LATE, Trouble.UNREACHABLE}


@pytest.mark.parametrize(
    ("mode", "name"), [("verify-full", "db.test"), ("verify-ca", "localhost")], ids=["full", "ca"]
)
async def test_the_relay_speaks_tls_to_it_bound_to_its_certificate(
    server: PostgresServer, authority: Authority, mode: str, name: str
) -> None:
    """PostgreSQL compares what the login was bound to with its own certificate."""
    held = Holder("broker", "admin-of-tests", sslmode=mode)
    asked = "SELECT ssl, current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    async with relayed(server.port, held, upstream_ca=authority.ca_file, host=name) as lab:
        connection = await psycopg.AsyncConnection.connect(**lab.libpq)
        async with connection:
            found = await (await connection.execute(asked)).fetchone()

    assert found == (True, "broker")


async def test_the_relay_trusts_no_stranger(server: PostgresServer, tmp_path: Path) -> None:
    """Who vouches for it is not who was named."""
    stranger = Authority(tmp_path, "stranger")
    held = Holder("broker", "admin-of-tests", sslmode="verify-ca")
    async with relayed(server.port, held, upstream_ca=stranger.ca_file) as lab:
        with pytest.raises(psycopg.OperationalError, match="certificate or TLS is not accepted"):
            await psycopg.AsyncConnection.connect(**lab.libpq)
