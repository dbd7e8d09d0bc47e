"""A whole installation whose agents are given the same export at three real targets.

A role in PostgreSQL, a lease of OpenBao (a login of the same database) and a session of an AWS
role; and, for emergencies, what ends by itself there.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.fakes import aws_world
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import Template, WorldConfig
from tests.real import vault_world
from tests.real.aws_lab import AwsLab
from tests.real.database_world import DatabaseWorld, is_cut_off, is_refused, session, target
from tests.real.openbao_server import OpenBaoServer, trust_key
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import is_let_in, login

EXPORT: Final = "orders:export"
KINDS: Final = {"export-db": "postgres", "export-bao": "vault", "export-files": "aws_sts"}
"""The capabilities about the dataset of orders, and the kinds of what they give."""

GLASS: Final = {"glass-certificate": "vault", "glass-files": "aws_sts"}
"""Those that people may have in an emergency: what each gives ends by itself."""

_ABOUT: Final = {"about": "dataset:orders", "data_class": "internal"}
_EMERGENCY: Final = {"break_glass": {"max_ttl_seconds": 600, "scopes": [EXPORT]}}
_READS: Final = [{"privileges": ["SELECT"], "schema": "shop", "tables": ["orders"]}]
_LOGIN: Final = {"mount": "database", "path": "creds/orders", "policies": ["jit-orders"]}
_CERTIFICATE: Final = vault_world.SECRETS["bao-pki"]


@dataclass
class Servers:
    """The three targets."""

    postgres: PostgresServer
    openbao: OpenBaoServer
    lab: AwsLab


@dataclass
class Held:
    """What an agent holds of one kind: it is used by the target's own word."""

    credential: str
    kind: str
    words: Mapping[str, str]
    servers: Servers
    opened: "psycopg.Connection[Any] | None" = None

    def enter(self) -> None:
        """Begin to use it; at a database stay in the session."""
        if self.kind == "postgres":
            self.opened = session(self.words)
        elif self.kind == "vault":
            self.opened = login(self.words, self.servers.postgres.port)
        assert self.is_taken()

    def is_taken(self) -> bool:
        """Use it anew; tell whether its target lets it."""
        if self.kind == "aws_sts":
            return self.servers.lab.may(self.words)
        if self.kind == "vault":
            return is_let_in(self.words, self.servers.postgres.port)
        return not is_refused(self.words)

    def goes_on(self) -> bool:
        """Go on in the session that was opened; AWS judges each request by itself."""
        return self.is_taken() if self.opened is None else not is_cut_off(self.opened)

    def leave(self) -> None:
        """Close it."""
        if self.opened is not None:
            self.opened.close()


class ThreeWorld(DatabaseWorld):
    """A world with the three; whichever broker is started has them."""

    servers: Servers

    async def start(self, *, gives: bool = True, **changes: object) -> None:
        """Start one more broker, with the targets."""
        file = self.config.folder / "targets.yaml"
        await super().start(gives=gives, **{"targets": file, **changes})

    async def hold(self, task: str, capability: str, **said: object) -> Held:
        """Be given a credential, and begin to use it."""
        issued = await self.issue(task, capability=capability, scopes=[EXPORT], **said)
        held = Held(issued["id"], KINDS[capability], issued["secret"], self.servers)
        await asyncio.to_thread(held.enter)
        return held

    async def are_refused(self, *all_held: Held) -> None:
        """Wait until the targets refuse them, open sessions included."""
        async with asyncio.timeout(60):
            for held in all_held:
                while await asyncio.to_thread(held.is_taken):  # noqa: ASYNC110 - asked at a target
                    await asyncio.sleep(0.1)
                while await asyncio.to_thread(held.goes_on):  # noqa: ASYNC110 - asked at a target
                    await asyncio.sleep(0.1)


def ceiling(*names: str) -> list[dict[str, object]]:
    """Name capabilities of a task."""
    return [{"capability": name, "scopes": [EXPORT]} for name in names or KINDS]


@contextlib.contextmanager
def leaving(*all_held: Held) -> Iterator[None]:
    """Close what was opened."""
    try:
        yield
    finally:
        for held in all_held:
            held.leave()


@asynccontextmanager
async def open_three_world(
    single: SingleServer, template: Template, signer: Signer, folder: Path, servers: Servers
) -> AsyncIterator[ThreeWorld]:
    """Publish, start one broker, let OpenBao trust its key; stop it at the end."""
    mount = f"jwt-{folder.name.lower()}"
    with tempfile.TemporaryDirectory(prefix="jit-", dir="/tmp") as sockets:
        config = WorldConfig(template, folder, store=single.settings.url, sockets=Path(sockets))
        world = ThreeWorld(single, config, signer)
        world.servers = servers
        config.edit("capabilities.yaml", lambda file: _add(file, servers.lab))
        try:
            await world.prepare()
            await world.publish(wait=False)
            world.declare(*_targets(servers, folder, mount))
            await world.start()
            await asyncio.to_thread(_trust, world, mount)
            yield world
        finally:
            await world.stop()


def _trust(world: ThreeWorld, mount: str) -> None:
    key, issuer = world.broker.replica.keyring.active(), world.config.settings(0).issuer
    audience = vault_world.AUDIENCE
    trust_key(world.servers.openbao, key, mount=mount, issuer=issuer, audience=audience)


def _targets(servers: Servers, folder: Path, mount: str) -> list[dict[str, Any]]:
    secret = folder / "admin"
    secret.write_text("admin-of-tests\n")
    peer = servers.lab.peer
    writer = {"endpoint_url": peer.iam_url}
    files = aws_world.target(
        peer.sts_url, peer.account, ambient={}, kill="deny", deny_writer=writer
    )
    return [
        target(servers.postgres, secret, deadline_ms=20_000),
        vault_world.target(servers.openbao.url, mount, deadline_ms=20_000),
        {**files, "deadline_ms": 20_000},  # a starved machine is slow
    ]


def _add(file: Any, lab: AwsLab) -> None:
    read = aws_world.capability(lab.role, lab.bucket)["template"]
    where = {"bucket": lab.bucket, "key": "acme/1", "endpoint_url": lab.peer.s3_url}
    reading = {"role_arn": lab.role, "scopes": {EXPORT: read["scopes"]["orders:read"]}}
    probed = {**reading, "probe": {"action": "s3:GetObject", **where}}
    added = [
        _capability("export-db", "postgres", "orders-db", {"scopes": {EXPORT: _READS}}) | _ABOUT,
        _capability("export-bao", "vault", "bao", {"scopes": {EXPORT: _LOGIN}}) | _ABOUT,
        _capability("export-files", "aws_sts", "files", probed) | _ABOUT,
        _capability("glass-certificate", "vault", "bao", {"scopes": {EXPORT: _CERTIFICATE}})
        | _EMERGENCY,
        _capability("glass-files", "aws_sts", "files", probed) | _EMERGENCY,
    ]
    file["capabilities"] += map(deepcopy, added)  # or YAML would write aliases


def _capability(name: str, backend: str, at: str, template: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "backend": backend,
        "target": at,
        "audience": f"{backend}:{name}",
        "scopes": [EXPORT],
        "tenants": ["acme"],
        "max_ttl_seconds": 600,
        "default_ttl_seconds": 300,
        "template": template,
    }
