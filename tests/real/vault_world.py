"""A whole installation whose agents are given credentials through a real OpenBao."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import Template, WorldConfig
from tests.real.database_world import DatabaseWorld
from tests.real.openbao_server import OpenBaoServer, trust_key

AUDIENCE: Final = "openbao-of-tests"
SCOPES: Final = ["orders:read"]

SECRETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "bao-db": {"mount": "database", "path": "creds/orders", "policies": ["jit-orders"]},
    "bao-pki": {
        "mount": "pki",
        "path": "issue/bots",
        "body": {"common_name": "${agent}.example.org"},
        "policies": ["jit-pki"],
    },
    "bao-ssh": {
        "mount": "ssh",
        "path": "issue/bots",
        "body": {"valid_principals": "${agent}", "key_type": "ed25519"},
        "policies": ["jit-ssh"],
    },
    "bao-kv": {
        "mount": "kv",
        "path": "data/shop/api",
        "policies": ["jit-kv"],
        "standing": "kv/data/shop/api",
    },
}
"""The capabilities, by name, and what each reads."""

MORE_SECRETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "bao-rabbit": {"mount": "rabbitmq", "path": "creds/orders", "policies": ["jit-rabbit"]},
}
"""Those of engines whose own servers are not on every machine."""

_ALL_SECRETS: Final = {**SECRETS, **MORE_SECRETS}

MOUNTS: Final = [
    {"mount": "database", "engine": "database", "death": "lease"},
    {"mount": "pki", "engine": "pki", "death": "crl"},
    {"mount": "ssh", "engine": "ssh", "death": "age"},
    {"mount": "rabbitmq", "engine": "rabbitmq", "death": "lease"},
    {"mount": "kv", "engine": "kv", "death": "never"},
]


def asking(name: str) -> dict[str, Any]:
    """Ask for what a capability gives."""
    return {"capability": name, "scopes": SCOPES}


def target(address: str, mount: str, **changes: Any) -> dict[str, Any]:
    """Declare OpenBao as a target."""
    options = {
        "address": address,
        "login": {"method": "jwt", "role": "jit-broker", "mount": mount, "audience": AUDIENCE},
        "token_role": "jit",
        "mounts": deepcopy(MOUNTS),
        **changes.pop("options", {}),
    }
    few = {"deadline_ms": 3_000, "threads": 2, "queue": 8, "failures": 50, "rest_ms": 500}
    return {"name": "bao", "kind": "vault", "options": options, **few, **changes}


def capability(name: str) -> dict[str, Any]:
    """Write a capability down."""
    return {
        "name": name,
        "backend": "vault",
        "target": "bao",
        "audience": f"vault:{name}",
        "scopes": list(SCOPES),
        "tenants": ["acme"],
        "max_ttl_seconds": 600,
        "default_ttl_seconds": 300,
        "template": {"scopes": {SCOPES[0]: deepcopy(dict(_ALL_SECRETS[name]))}},
    }


@dataclass
class Way:
    """A server, and by which address the broker reaches it."""

    server: OpenBaoServer
    address: str


class VaultWorld(DatabaseWorld):
    """A world with an OpenBao that trusts the broker's key."""

    async def task_for(self, *names: str) -> str:
        """Open a task that may have these."""
        ceiling = [*map(asking, names), {"capability": "orders-api", "scopes": SCOPES}]
        return str((await self.open(ceiling=ceiling))["id"])

    async def until_receipts(self, task: str, states: Mapping[str, str]) -> dict[str, Any]:
        """Wait until every credential's receipt says what it shall; return them."""
        pairs = states.items()
        made = [await self.until_receipt(task, credential, state) for credential, state in pairs]
        return {each["credential"]: each for each in made}


@asynccontextmanager
async def open_vault_world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    folder: Path,
    way: Way,
) -> AsyncIterator[VaultWorld]:
    """Publish, start one broker, let OpenBao trust its key; stop it at the end."""
    mount = f"jwt-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="jit-", dir="/tmp") as sockets:
        config = WorldConfig(template, folder, store=single.settings.url, sockets=Path(sockets))
        world = VaultWorld(single, config, signer)
        config.edit("capabilities.yaml", _add)
        try:
            await world.prepare()
            await world.publish(wait=False)
            await world.start(targets=world.declare(target(way.address, mount)))
            issuer = config.settings(0).issuer
            key = world.broker.replica.keyring.active()
            await asyncio.to_thread(
                trust_key, way.server, key, mount=mount, issuer=issuer, audience=AUDIENCE
            )
            yield world
        finally:
            await world.stop()


def _add(file: Any) -> None:
    file["capabilities"] += [capability(name) for name in _ALL_SECRETS]
