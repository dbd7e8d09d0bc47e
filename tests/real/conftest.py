"""How tests get real parts: skipped without, or failed where nothing may be missing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.fetch import may_skip, missing, must_have
from tests.real.openbao_server import OpenBaoServer, furnish
from tests.real.parts import Shelf
from tests.real.postgres_server import PostgresServer, binaries, running


@pytest.fixture(scope="session")
def part() -> Callable[[str], Path]:
    """Find a part by its name in ``parts.toml``; ``make test-real`` has fetched it before."""
    shelf = Shelf()

    def find(name: str) -> Path:
        declared = shelf.parts[name]
        found = shelf.find(declared)
        if found is not None:
            return found
        why = f"{name} is not there: python -m tests.real.fetch {name} (needs {declared.needs})"
        raise missing(why, is_needed=must_have(declared))

    return find


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole session; ask for ``postgres``, which runs."""
    if binaries() is None:
        why = "PostgreSQL is not there: install its server (Debian: postgresql)"
        raise missing(why, is_needed=not may_skip())
    yield from running()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A running server, which the test may freeze."""
    yield postgres_server
    postgres_server.thaw()


@pytest.fixture(scope="session")
def openbao_server(
    part: Callable[[str], Path], postgres_server: PostgresServer
) -> Iterator[OpenBaoServer]:
    """One OpenBao for the whole session, whose database engine works on the PostgreSQL."""
    server = OpenBaoServer(part("openbao"))
    try:
        server.start()
        furnish(server, postgres_server)
        yield server
    finally:
        server.remove()


@pytest.fixture
def openbao(openbao_server: OpenBaoServer, postgres: PostgresServer) -> Iterator[OpenBaoServer]:  # noqa: ARG001 - it runs
    """A running server without credentials, which the test may freeze."""
    openbao_server.sweep()
    yield openbao_server
    openbao_server.thaw()
