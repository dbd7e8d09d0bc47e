"""X.509-SVIDs that a real SPIRE issues, shown to the broker over TLS."""

import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from broker.dev.processes import Processes
from broker.settings.listening import Listen, TlsFiles
from tests.fakes.certificates import Authority
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.trust_domain import SigningAuthority
from tests.fakes.trust_domain import Svid as FakeSvid
from tests.fakes.world import World, issue_body, open_world
from tests.fakes.world_config import Template
from tests.real.spiffe_bot import stanza
from tests.real.spire_domain import DOMAIN, PATH, Spire

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

Svid = tuple[Path, Path]
"""The files of a chain and its key."""


@dataclass
class Gate:
    """A broker that asks TLS clients for certificates, and a SPIRE whose domain it trusts."""

    world: World
    spire: Spire
    base: str
    web: Authority
    folder: Path

    async def status(self, svid: Svid, path: str) -> int:
        """Return what a GET is answered with; 0 when TLS fails."""
        try:
            return (await self.ask(svid, "GET", path))[0]
        except (aiohttp.ClientError, ConnectionError, ssl.SSLError):
            return 0

    async def ask(
        self, svid: Svid, method: str, path: str, body: object = None
    ) -> tuple[int, dict[str, Any]]:
        """Ask the broker, by nothing but a certificate."""
        tls = ssl.create_default_context(cafile=self.web.ca_file)
        tls.load_cert_chain(*svid)
        connector = aiohttp.TCPConnector(ssl=tls)
        async with (
            aiohttp.ClientSession(self.base, connector=connector) as session,
            session.request(method, path, json=body) as answer,
        ):
            return answer.status, await answer.json()


@pytest_asyncio.fixture
async def world(single: SingleServer, tmp_path: Path) -> AsyncIterator[World]:
    """One broker in this process, and its callers."""
    signer = Signer()
    (tmp_path / "template").mkdir()
    template = Template(tmp_path / "template", signer)
    async with open_world(single, template, signer, tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def spire(
    part: Callable[[str], Path], tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Spire]:
    """Start SPIRE; with the parameter ``below`` as an intermediate of another authority."""
    async with Processes() as processes:
        spire = Spire(processes, part("spire").parent)
        if getattr(request, "param", "root") == "below":
            above = SigningAuthority("the authority above")
            spire.server.below(*FakeSvid(above.certificate, above.key).write(tmp_path, "above"))
        await spire.start(https_spiffe={})
        yield spire


@pytest_asyncio.fixture
async def gate(world: World, spire: Spire, tmp_path: Path) -> Gate:
    """Start a broker that trusts SPIRE by its bundle endpoint, and asks for certificates."""
    bundle = await spire.by_endpoint(world.config.folder)
    declared = {"trust_domains": [stanza(DOMAIN, bundle)]}
    world.config.edit("issuers.yaml", lambda file: file.update(declared))
    web = Authority(tmp_path, "web")
    certificate, key = web.issue("broker")
    tls = TlsFiles(cert_file=certificate, key_file=key, client_certificates=True)
    await world.start(listen=Listen(port=0, tls=tls))
    base = f"https://127.0.0.1:{world.running[1].server.addresses[0][1]}"
    return Gate(world, spire, base, web, tmp_path)


@pytest.mark.parametrize(("spire", "length"), [("root", 1), ("below", 2)], indirect=["spire"])
async def test_a_certificate_of_spire_obtains_a_credential(gate: Gate, length: int) -> None:
    """It says which agent and instance asks, by itself; another instance's task is not there."""
    mine = (await gate.world.open())["id"]
    twins = (await gate.world.open(instance="pod-2"))["id"]
    svid = await gate.spire.agent.x509_svid(gate.folder / "svid")
    assert svid[0].read_text().count("BEGIN CERTIFICATE") == length

    status, issued = await gate.ask(svid, "POST", f"/v1/tasks/{mine}/credentials", issue_body())

    assert status == 201
    assert (await gate.world.introspect(issued["access_token"]))["agent"] == "invoice-bot"
    assert await gate.status(svid, f"/v1/tasks/{twins}") == 404


async def test_certificates_of_others_open_nothing(gate: Gate) -> None:
    """Of a domain nobody declared, of one that only has the name; of a path that nobody maps."""
    path = f"/v1/tasks/{(await gate.world.open())['id']}"
    stranger, impostor = await gate.spire.others()

    foreign = await stranger.x509_svid(PATH, gate.folder / "foreign")
    forged = await impostor.x509_svid(PATH, gate.folder / "forged")
    unmapped = await gate.spire.server.x509_svid("/robots/r2/d2", gate.folder / "unmapped")
    minted = await gate.spire.server.x509_svid(PATH, gate.folder / "minted")

    assert await gate.status(foreign, path) in {0, 401}
    assert await gate.status(forged, path) in {0, 401}
    assert await gate.status(unmapped, path) == 401
    assert await gate.status(minted, path) == 200


async def test_authorities_of_spire_rotate_while_the_broker_runs(gate: Gate) -> None:
    """The next authority's certificates are taken, the former's too, until it is revoked."""
    path = f"/v1/tasks/{(await gate.world.open())['id']}"
    old = await gate.spire.agent.x509_svid(gate.folder / "old")
    assert await gate.status(old, path) == 200

    former, _ = await gate.spire.server.rotate("x509")
    new = await gate.spire.server.x509_svid(PATH, gate.folder / "new")

    async def is_taken() -> bool:
        return await gate.status(new, path) == 200

    await eventually_true(is_taken, "the next authority")
    assert await gate.status(old, path) == 200

    await gate.spire.server.taint("x509", former)
    await gate.spire.server.revoke("x509", former)

    async def is_refused() -> bool:
        return await gate.status(old, path) in {0, 401}

    await eventually_true(is_refused, "the bundle without the former authority")
    assert await gate.status(new, path) == 200
