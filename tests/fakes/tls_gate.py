"""A broker that asks its clients for certificates, over real TLS, and ways to call it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from broker.settings.listening import Listen, TlsFiles
from tests.fakes.certificates import Authority
from tests.fakes.trust_domain import FakeTrustDomain, Svid
from tests.fakes.world import World, issue_body


class Gate:
    """A broker that asks for certificates, and ways to call it."""

    def __init__(self, world: World, server: Authority, folder: Path, port: int) -> None:
        self.world = world
        self.ca_file = server.ca_file
        self._folder = folder
        self.url = f"https://127.0.0.1:{port}"

    @asynccontextmanager
    async def calling(self, svid: Svid | None) -> AsyncIterator[aiohttp.ClientSession]:
        """Open a session that shows a certificate, or none."""
        tls = ssl.create_default_context(cafile=self.ca_file)
        if svid is not None:
            tls.load_cert_chain(*svid.write(self._folder, "client"))
        connector = aiohttp.TCPConnector(ssl=tls)
        async with aiohttp.ClientSession(self.url, connector=connector) as session:
            yield session

    async def status(self, svid: Svid | None, path: str, **headers: str) -> int:
        """Return what a GET is answered with; 0 when TLS fails."""
        try:
            async with self.calling(svid) as session, session.get(path, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, ConnectionError, ssl.SSLError):
            return 0

    async def ask(self, svid: Svid, task: str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Ask for a credential."""
        path = f"/v1/tasks/{task}/credentials"
        async with (
            self.calling(svid) as session,
            session.post(path, json=issue_body(), headers=headers) as answer,
        ):
            return answer.status, await answer.json()


async def open_gate(world: World, folder: Path, *domains: FakeTrustDomain) -> Gate:
    """Start a second broker that trusts some trust domains and asks for certificates."""
    for domain in domains:
        (world.config.folder / f"{domain.name}.json").write_bytes(domain.bundle())

    def trust(file: Any) -> None:
        file["trust_domains"] = [
            {
                "name": domain.name,
                "trust_domain": domain.name,
                "audience": "jit-broker",
                "bundle": {
                    "file": f"{domain.name}.json",
                    "cooldown_seconds": 1,
                    "refresh_seconds": 2,
                },
                "map": [{"path": "/agents/{name}/{instance}", "tenant": "acme"}],
            }
            for domain in domains
        ]

    world.config.edit("issuers.yaml", trust)
    server = Authority(folder, "server-ca")
    cert, key = server.issue("server")
    tls = TlsFiles(cert_file=cert, key_file=key, client_certificates=True)
    await world.start(listen=Listen(port=0, tls=tls))
    return Gate(world, server, folder, world.running[1].server.addresses[0][1])
