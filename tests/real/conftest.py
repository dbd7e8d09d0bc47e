"""How tests get real parts: skipped without, or failed where nothing may be missing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.vault import Vault
from backends.vault_options import VaultOptions
from tests.fakes.issuer import Signer
from tests.fakes.world_config import Template
from tests.real import localemu_peer, moto_peer, rabbitmq_server, radosgw_peer
from tests.real.aws_peer import Peer
from tests.real.fetch import may_skip, missing, must_have
from tests.real.openbao_server import OpenBaoServer, furnish
from tests.real.parts import Shelf
from tests.real.postgres_server import PostgresServer, binaries, running
from tests.real.rabbitmq_server import RabbitServer
from tests.real.vault_lab import Signing, opened, options

Part = Callable[[str], Path]


@pytest.fixture(scope="session")
def part() -> Part:
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


@pytest.fixture(scope="module")
def signer() -> Signer:
    """Who vouches for callers."""
    return Signer()


@pytest.fixture(scope="module")
def template(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The configuration that every world begins with."""
    return Template(tmp_path_factory.mktemp("template"), signer)


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """Where PostgreSQL's programs are."""
    found = binaries()
    if found is None:
        why = "PostgreSQL is not there: install its server (Debian: postgresql)"
        raise missing(why, is_needed=not may_skip())
    return found


@pytest.fixture(scope="session")
def postgres_server(postgres_programs: Path) -> Iterator[PostgresServer]:  # noqa: ARG001 - they are there
    """One PostgreSQL for the whole session; ask for ``postgres``, which runs."""
    yield from running()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A running server without credentials, which the test may freeze."""
    postgres_server.sweep()
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


@pytest.fixture
def signing() -> Signing:
    """The key by which OpenBao knows the broker."""
    return Signing()


@pytest.fixture
def declared(openbao: OpenBaoServer, signing: Signing) -> VaultOptions:
    """What the broker is told of an OpenBao that trusts its key."""
    return options(openbao, signing.trusted_by(openbao))


@pytest.fixture
def vault(declared: VaultOptions, signing: Signing) -> Iterator[Vault]:
    """The broker's way to that OpenBao."""
    with opened(declared, signing.surroundings) as vault:
        yield vault


@pytest.fixture(scope="session")
def rabbitmq(part: Part) -> Iterator[RabbitServer]:
    """One RabbitMQ for the whole session."""
    root = part("rabbitmq").parents[8]
    if why := rabbitmq_server.lacks(root):
        raise missing(f"RabbitMQ does not run on this machine: {why}", is_needed=False)
    server = RabbitServer(root)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def moto(part: Part, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A running moto for the whole session."""
    with moto_peer.running(part("moto").parents[1], tmp_path_factory.mktemp("moto")) as peer:
        yield peer


@pytest.fixture(scope="session")
def localemu(part: Part, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A running LocalEmu for the whole session."""
    packages = part("localemu").parents[2]
    python = localemu_peer.python()
    if python is None:
        raise missing("LocalEmu needs a Python 3.13, on the path or among pyenv's", is_needed=False)
    with localemu_peer.running(packages, python, tmp_path_factory.mktemp("localemu")) as peer:
        yield peer


@pytest.fixture(scope="session")
def radosgw(part: Part) -> Iterator[Peer]:
    """A running radosgw for the whole session."""
    root = part("radosgw").parents[2]
    if why := radosgw_peer.lacks(root):
        raise missing(f"radosgw does not run on this machine: {why}", is_needed=False)
    with radosgw_peer.running(root) as peer:
        yield peer


@pytest.fixture(scope="session", params=["moto", "localemu", "radosgw"])
def aws_peer(request: pytest.FixtureRequest) -> Peer:
    """Every peer of AWS in turn. For some: ``parametrize("aws_peer", ["moto"], indirect=True)``."""
    peer: Peer = request.getfixturevalue(request.param)
    return peer
