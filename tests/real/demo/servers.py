"""The demo's real servers: PostgreSQL, OpenBao, and one that speaks AWS. They end with it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

from broker.dev.processes import ProcessFailedError
from tests.real import localemu_peer, postgres_server, radosgw_peer
from tests.real.aws_peer import Peer
from tests.real.aws_stage import MINE, Stage
from tests.real.demo.declared import POLICY
from tests.real.openbao_server import OpenBaoServer, furnish
from tests.real.parts import Shelf
from tests.real.postgres_server import PostgresServer

_OURS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_NOT_OURS: Final = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE")


class Servers:
    """Started one after another, and stopped all together."""

    postgres: PostgresServer
    openbao: OpenBaoServer
    peer: Peer
    stage: Stage
    role: str

    def __init__(self, shelf: Shelf, folder: Path, aws: str) -> None:
        self._shelf = shelf
        self._folder = folder
        self._aws = aws
        self._stack = ExitStack()

    def start_postgres(self) -> str:
        """Start PostgreSQL, with the tables of a shop."""
        if postgres_server.binaries() is None:
            raise ProcessFailedError("PostgreSQL is not there: install its server (postgresql)")
        self.postgres = self._stack.enter_context(contextmanager(postgres_server.running)())
        ((version,),) = self.postgres.ask("SHOW server_version")
        return f"PostgreSQL {version}"

    def start_openbao(self) -> str:
        """Start OpenBao, whose database engine makes logins in that PostgreSQL."""
        self.openbao = OpenBaoServer(self._part("openbao"))
        self._stack.callback(self.openbao.remove)
        self.openbao.start()
        furnish(self.openbao, self.postgres)
        return f"OpenBao {self.openbao.says('GET', 'sys/seal-status')['version']}"

    def start_aws(self) -> str:
        """Start a server that speaks AWS, with a bucket and a role that reads it."""
        self.peer = self._stack.enter_context(PEERS[self._aws](self._shelf, self._folder))
        self._stack.enter_context(administering(self.peer))
        self.stage = Stage(self.peer)
        self.role = self.stage.arn(self.stage.role(self.stage.reads(MINE)))
        return f"{self.peer.name}, {self.role}"

    def logins(self) -> list[str]:
        """Name the logins that OpenBao has made and that PostgreSQL has."""
        return [name for (name,) in self.postgres.ask(_LOGINS)]

    def denied(self) -> str:
        """Return the policy by which the role refuses sessions."""
        name = self.role.rpartition("/")[2]
        found = self.stage.iam.get_role_policy(RoleName=name, PolicyName=POLICY)
        return str(found["PolicyDocument"])

    def close(self) -> None:
        """Stop them all."""
        self._stack.close()

    def _part(self, name: str) -> Path:
        return part(self._shelf, name)


_LOGINS: Final = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY 1"


def part(shelf: Shelf, name: str) -> Path:
    """Find a part.

    Raises:
        ProcessFailedError: it was not fetched.
    """
    found = shelf.find(shelf.parts[name])
    if found is None:
        raise ProcessFailedError(f"{name} is not there: python -m tests.real.fetch {name}")
    return found


@contextmanager
def _radosgw(shelf: Shelf, folder: Path) -> Iterator[Peer]:
    del folder  # it makes a short one of its own
    with radosgw_peer.running(part(shelf, "radosgw").parents[2]) as peer:
        yield peer


@contextmanager
def _localemu(shelf: Shelf, folder: Path) -> Iterator[Peer]:
    python = localemu_peer.python()
    if python is None:
        raise ProcessFailedError("LocalEmu needs a Python 3.13, on the path or among pyenv's")
    home = folder / "localemu"
    home.mkdir()
    packages = part(shelf, "localemu").parents[2]
    with localemu_peer.running(packages, python, home) as peer:
        yield peer


PEERS: Final[Mapping[str, Callable[[Shelf, Path], AbstractContextManager[Peer]]]] = {
    "radosgw": _radosgw,
    "localemu": _localemu,
}
"""Those that judge a role's conditions, by name."""


@contextmanager
def administering(peer: Peer) -> Iterator[None]:
    """Let the broker find the administrator's keys where boto3 looks for them."""
    before = {name: os.environ.get(name) for name in (*_OURS, *_NOT_OURS)}
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    os.environ["AWS_ACCESS_KEY_ID"] = peer.admin.access_key
    os.environ["AWS_SECRET_ACCESS_KEY"] = peer.admin.secret.reveal()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
