"""A whole installation whose agents can be given a role in a real PostgreSQL."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import psycopg
import yaml

from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import PATIENCE_S, World
from tests.fakes.world_config import Template, WorldConfig
from tests.real.postgres_server import PostgresServer

DB: Final = {"capability": "orders-db", "scopes": ["orders:read"]}

CAPABILITY: Final[Mapping[str, Any]] = {
    "name": "orders-db",
    "backend": "postgres",
    "target": "orders-db",
    "audience": "postgres:orders",
    "scopes": ["orders:read", "orders:write"],
    "tenants": ["acme"],
    "max_ttl_seconds": 600,
    "default_ttl_seconds": 300,
    "template": {
        "scopes": {
            "orders:read": [{"privileges": ["SELECT"], "schema": "shop", "tables": ["orders"]}],
            "orders:write": [{"privileges": ["INSERT"], "schema": "shop", "tables": ["orders"]}],
        },
        "settings": {"app.tenant": "${tenant}"},
    },
}


def target(server: PostgresServer, secret: Path, **changes: Any) -> dict[str, Any]:
    """Declare the database as a target."""
    options = {
        "host": "127.0.0.1",
        "port": server.port,
        "database": "orders",
        "admin": "broker",
        "password_file": str(secret),
        "sslmode": "disable",
        **changes.pop("options", {}),
    }
    return {"name": "orders-db", "kind": "postgres", "options": options, **changes}


def session(words: Mapping[str, str]) -> "psycopg.Connection[Any]":
    """Log in with what was delivered."""
    return psycopg.connect(
        host=words["host"],
        port=int(words["port"]),
        dbname=words["database"],
        user=words["username"],
        password=words["password"],
        connect_timeout=10,
        autocommit=True,
    )


def is_refused(words: Mapping[str, str]) -> bool:
    """Try to log in; tell whether the server says no."""
    try:
        session(words).close()
    except psycopg.OperationalError as error:
        return "authentication failed" in str(error) or "not permitted" in str(error)
    return False


def is_cut_off(connection: "psycopg.Connection[Any]") -> bool:
    """Tell whether an open session is refused."""
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


class DatabaseWorld(World):
    """A world with a database."""

    secret: Path

    def declare(self, *targets: dict[str, Any]) -> Path:
        """Write down which targets there are."""
        file = self.config.folder / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": list(targets)}))
        return file

    async def task_for_database(self, **changes: object) -> str:
        """Open a task that may use the database, and the orders."""
        ceiling = [DB, {"capability": "orders-api", "scopes": ["orders:read"]}]
        ceiling += [dict(DB, capability="other-db")] if changes.pop("other", False) else []
        return str((await self.open(ceiling=ceiling, **changes))["id"])

    async def until_receipt(self, task: str, credential: str, *states: str) -> dict[str, Any]:
        """Wait until a credential's receipt has come so far, and return it."""
        async with asyncio.timeout(PATIENCE_S * 3):
            while True:
                for receipt in await self.receipts(AGENT, f"/v1/tasks/{task}/report"):
                    if receipt["credential"] == credential and receipt["state"] in states:
                        return dict(receipt)
                await asyncio.sleep(0.1)


@asynccontextmanager
async def open_database_world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    folder: Path,
    targets: list[dict[str, Any]],
) -> AsyncIterator[DatabaseWorld]:
    """Publish, start one broker, stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="jit-", dir="/tmp") as sockets:
        config = WorldConfig(template, folder, store=single.settings.url, sockets=Path(sockets))
        world = DatabaseWorld(single, config, signer)
        config.edit("capabilities.yaml", _add)
        try:
            await world.prepare()
            await world.publish(wait=False)
            await world.start(targets=world.declare(*targets))
            yield world
        finally:
            await world.stop()


def _add(file: Any) -> None:
    for name in ("orders-db", "other-db"):
        file["capabilities"].append(deepcopy({**CAPABILITY, "name": name, "target": name}))
