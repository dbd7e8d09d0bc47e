"""Issuers that we did not write, as processes of a world's own, and how agents get their tokens."""

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from broker.dev.processes import Child
from broker.signing.private_files import write_private
from tests.chaos.world import World
from tests.real.peer_process import free_port
from tests.real.rsa_key import rsa_jwk

AUDIENCE: Final = "jit-broker"
AGENT: Final = "invoice-bot"
START_S: Final = 60.0
"""A big program on a loaded machine takes its time."""


def trust(world: World, stanza: Mapping[str, Any]) -> None:
    """Declare one more issuer, before the brokers start."""
    file = world.setup.config[0].parent / "issuers.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["issuers"].append(dict(stanza))
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


class OpenBao:
    """A server in development mode whose identity tokens name the entity that logged in."""

    def __init__(self, world: World, program: Path) -> None:
        self._world = world
        self._program = program
        self._root = secrets.token_urlsafe(16)
        self._child: Child
        self.url: str

    @property
    def issuer(self) -> str:
        """The ``iss`` of its tokens."""
        return f"{self.url}/v1/identity/oidc"

    async def start(self, algorithm: str = "ES256") -> None:
        """Start it, and set up a key, roles and a way to log in."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        argv = [
            *(str(self._program), "server", "-dev", f"-dev-root-token-id={self._root}"),
            *(f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"),
        ]
        self._child = await self._world.processes.start("openbao", argv)
        await self._world.processes.when_ready(self._child, self._is_up, START_S)
        await self._root_says("identity/oidc/config", {"issuer": self.url})
        key = {"algorithm": algorithm, "allowed_client_ids": "*", "verification_ttl": "1h"}
        await self._root_says("identity/oidc/key/workloads", key)
        for role, audience in (("agents", AUDIENCE), ("others", "somebody-else")):
            await self._root_says(
                f"identity/oidc/role/{role}",
                {
                    "key": "workloads",
                    "client_id": audience,
                    "ttl": "30m",
                    "template": '{"agent": {{identity.entity.name}}, '
                    '"pod": {{identity.entity.metadata.pod}}}',
                },
            )
        await self._root_says("sys/policies/acl/workload", {"policy": _MAY_ASK})
        await self._root_says("sys/auth/userpass", {"type": "userpass"})

    async def enrol(self, name: str, pod: str) -> str:
        """Make an entity, and return a token of its own that it asks for identity tokens with."""
        made = await self._root_says(
            "identity/entity", {"name": name, "metadata": {"pod": pod}, "policies": ["workload"]}
        )
        mounts = await self._call("GET", "sys/auth", token=self._root)
        user = secrets.token_hex(4)
        alias = {
            "name": user,
            "canonical_id": made["data"]["id"],
            "mount_accessor": mounts["data"]["userpass/"]["accessor"],
        }
        await self._root_says("identity/entity-alias", alias)
        password = secrets.token_urlsafe(16)
        await self._root_says(f"auth/userpass/users/{user}", {"password": password})
        login = await self._call("POST", f"auth/userpass/login/{user}", json={"password": password})
        return str(login["auth"]["client_token"])

    async def identity_token(self, token: str, role: str = "agents") -> str:
        """Ask for a workload token, as its bearer does."""
        answer = await self._call("GET", f"identity/oidc/token/{role}", token=token)
        return str(answer["data"]["token"])

    async def rotate(self) -> None:
        """Take a new signing key; the former one goes on verifying."""
        await self._root_says("identity/oidc/key/workloads/rotate", {"verification_ttl": "1h"})

    async def die(self) -> None:
        """End as by power loss."""
        self._child.process.kill()
        await self._child.process.wait()

    async def _root_says(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return await self._call("POST", path, json=body, token=self._root)

    async def _is_up(self) -> bool | None:
        try:
            async with self._world.session.get(f"{self.url}/v1/sys/health") as answer:
                return True if answer.status == 200 else None
        except aiohttp.ClientError:
            return None

    async def _call(
        self, method: str, path: str, *, json: object = None, token: str = ""
    ) -> dict[str, Any]:
        headers = {"X-Vault-Token": token} if token else {}
        async with self._world.session.request(
            method, f"{self.url}/v1/{path}", json=json, headers=headers
        ) as answer:
            assert answer.status in {200, 204}, (path, await answer.text())
            return {} if answer.status == 204 else await answer.json()


_MAY_ASK: Final = 'path "identity/oidc/token/*" { capabilities = ["read"] }'


@dataclass
class OpenIdProvider:
    """A certified OpenID provider on Node.js, which grants client credentials."""

    issuer: str
    session: aiohttp.ClientSession
    secret: str

    async def access_token(self, resource: str = "urn:jit-broker") -> str:
        """Ask for an access token (RFC 6749 §4.4, RFC 8707) in the agent's name."""
        form = {"grant_type": "client_credentials", "scope": "jit", "resource": resource}
        basic = base64.b64encode(f"{AGENT}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        async with self.session.post(f"{self.issuer}/token", data=form, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["access_token"])


async def start_openid_provider(world: World, module: Path) -> OpenIdProvider:
    """Start the provider, with a key and one client."""
    state = world.setup.state / "oidc-provider"
    state.mkdir(mode=0o700)
    secret = secrets.token_urlsafe(16)
    settings = {
        "audience": AUDIENCE,
        "clients": [{"id": AGENT, "secret": secret}],
        "jwks": {"keys": [rsa_jwk()]},
    }
    write_private(state / "settings.json", json.dumps(settings).encode())
    script = Path(__file__).parent / "oidc-provider" / "issuer.mjs"
    argv = ["node", str(script), str(module), str(state / "settings.json"), str(state / "here")]
    child = await world.processes.start("oidc-provider", argv)
    told = await world.processes.when_ready(child, partial(_told, state / "here"), START_S)
    return OpenIdProvider(told["issuer"], world.session, secret)


async def _told(file: Path) -> dict[str, str] | None:
    return await asyncio.to_thread(_read_if_there, file)


def _read_if_there(file: Path) -> dict[str, str] | None:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
