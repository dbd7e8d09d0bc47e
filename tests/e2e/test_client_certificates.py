"""The Python clients and the command with X.509-SVIDs, before a broker over real TLS (RFC 8705)."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import jwt
import pytest
from aiohttp import web

from broker.client import (
    BrokerClient,
    SyncBrokerClient,
    Tls,
    bearer,
    certificate_files,
    open_session,
    open_verifier,
)
from broker.client.api_errors import UnauthenticatedError
from broker.client.certificate_errors import CertificateDoubtedError, CertificateGoneError
from broker.client.errors import NotSentError
from broker.proof.confirmation import of_certificate
from tests.fakes.cast import AGENT, ORDERS
from tests.fakes.certificates import Authority
from tests.fakes.command import Command, Ended
from tests.fakes.tls_gate import Gate, open_gate
from tests.fakes.trust_domain import FakeTrustDomain, Svid
from tests.fakes.world import World
from tests.fakes.world_config import BROKER

PROD = FakeTrustDomain("prod.example")
SCOPES = ("orders:read",)
MTLS = """
@id("bound")
@binding("mtls")
permit (
  principal is Agent,
  action in [Action::"RequestCredential", Action::"RenewCredential"],
  resource is Capability
)
when { principal.tenant == context.task.tenant };
"""


@pytest.fixture
async def gate(world: World, tmp_path: Path) -> Gate:
    """Start a broker that asks for certificates, with credentials bound to them by policy."""
    gate = await open_gate(world, tmp_path, PROD)
    world.config.write("policies/50-world.cedar", MTLS)
    await world.publish()
    return gate


class Files:
    """The files of one workload, which rotate."""

    def __init__(self, gate: Gate, folder: Path) -> None:
        self.cert = folder / "svid.pem"
        self.key = folder / "svid.key"
        self._folder = folder
        self.tls = Tls(certificate=certificate_files(self.cert, self.key), ca_file=gate.ca_file)

    def rotate(self, path: str = "/agents/invoice-bot/pod-1") -> str:
        """Write another certificate; return its thumbprint."""
        return self.put(PROD.x509_svid(path))

    def put(self, svid: Svid) -> str:
        """Write a certificate; return its thumbprint."""
        svid.write(self._folder, "svid")
        return of_certificate(svid.der).thumbprint


@pytest.fixture
def files(gate: Gate, tmp_path: Path) -> Files:
    """Return the files of a workload."""
    folder = tmp_path / "workload"
    folder.mkdir()
    return Files(gate, folder)


@asynccontextmanager
async def calling(gate: Gate, tls: Tls) -> AsyncIterator[BrokerClient]:
    """Open a client that shows no token."""
    async with open_session() as session:
        yield BrokerClient(gate.url, None, session, tls=tls)


async def test_a_certificate_alone_obtains_a_credential_that_is_bound_to_it(
    gate: Gate, files: Files
) -> None:
    """Neither token nor key of another kind is needed."""
    thumbprint, task = files.rotate(), (await gate.world.open())["id"]

    async with calling(gate, files.tls) as client:
        issued = await client.credentials.issue(task, "orders-api", scopes=SCOPES)

    assert issued.certificate_thumbprint == thumbprint
    claims = jwt.decode(issued.access_token.reveal(), options={"verify_signature": False})
    assert claims["cnf"] == {"x5t#S256": thumbprint}


async def test_the_client_without_a_loop_does_the_same(gate: Gate, files: Files) -> None:
    """From a thread; what to connect with comes from the held credential."""
    thumbprint, task = files.rotate(), (await gate.world.open())["id"]

    def work() -> tuple[str, bool]:
        with (
            SyncBrokerClient(gate.url, None, tls=files.tls) as client,
            client.resume(task) as scope,
        ):
            held = scope.credential("orders-api", scopes=SCOPES)
            is_context = isinstance(held.tls_context(), ssl.SSLContext)
            return held.current.certificate_thumbprint, is_context

    assert await asyncio.to_thread(work) == (thumbprint, True)


async def test_rotated_files_are_picked_up_by_the_next_connection(gate: Gate, files: Files) -> None:
    """Without a restart; credentials are then bound to the next certificate."""
    task, seen = (await gate.world.open())["id"], []

    async with calling(gate, files.tls) as client:
        for _ in range(3):
            thumbprint = files.rotate()
            issued = await client.credentials.issue(task, "orders-api", scopes=SCOPES)
            seen.append(issued.certificate_thumbprint == thumbprint)

    assert seen == [True, True, True]


async def test_half_a_rotation_does_not_take_the_certificate_away(gate: Gate, files: Files) -> None:
    """A new chain beside the old key: the pair that fitted is used on, until the new one does."""
    files.rotate()
    task, old_key = (await gate.world.open())["id"], files.key.read_bytes()

    async with calling(gate, files.tls) as client:
        first = await client.credentials.issue(task, "orders-api", scopes=SCOPES)
        thumbprint, new_key = files.rotate(), files.key.read_bytes()
        files.key.write_bytes(old_key)
        between = await client.credentials.issue(task, "orders-api", scopes=SCOPES)
        files.key.write_bytes(new_key)
        after = await client.credentials.issue(task, "orders-api", scopes=SCOPES)

    assert between.certificate_thumbprint == first.certificate_thumbprint != thumbprint
    assert after.certificate_thumbprint == thumbprint


async def test_after_a_rotation_a_held_credential_is_followed_by_one_of_the_next_certificate(
    gate: Gate, files: Files
) -> None:
    """It cannot be renewed by another certificate, so its renewal asks for a new one."""
    files.rotate()
    task = (await gate.world.open())["id"]

    async with calling(gate, files.tls) as client, client.resume(task) as scope:
        held = await scope.credential("orders-api", scopes=SCOPES, ttl_seconds=4)
        first = held.current
        await held.tls_context()
        thumbprint = files.rotate()
        async with asyncio.timeout(60):
            while held.current.id == first.id:
                await held.token()
                await asyncio.sleep(0.05)

    assert held.current.certificate_thumbprint == thumbprint


@asynccontextmanager
async def resource_server(gate: Gate, tls: Tls, folder: Path) -> AsyncIterator[str]:
    """Serve orders over TLS that asks for certificates; return the URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority = Authority(folder, "orders-ca")
    context.load_cert_chain(*authority.issue("orders"))
    context.load_verify_locations(cadata=PROD.authority_pem())
    context.verify_mode = ssl.CERT_OPTIONAL
    verifying = open_verifier(
        gate.url, audience=ORDERS.name, issuer=BROKER, check="offline", tls=tls
    )
    async with verifying as verifier:
        app = web.Application(middlewares=[bearer(verifier, realm="orders")])
        app.router.add_get("/", _ok)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            port = runner.addresses[0][1]
            files = [gate.ca_file, authority.ca_file]
            gate.ca_file.write_bytes(b"".join(each.read_bytes() for each in files))
            yield f"https://127.0.0.1:{port}/"
        finally:
            await runner.cleanup()


async def _ok(_: web.Request) -> web.Response:
    return web.Response()


async def test_a_bound_credential_is_used_over_its_certificate_and_no_other_connection(
    gate: Gate, files: Files, tmp_path: Path
) -> None:
    """Also after the files have rotated, as long as the credential lives."""
    files.rotate()
    task, seen = (await gate.world.open())["id"], []
    plain = Tls(ca_file=gate.ca_file)

    async with (
        resource_server(gate, plain, tmp_path) as url,
        calling(gate, files.tls) as client,
        client.resume(task) as scope,
        aiohttp.ClientSession() as session,
    ):
        held = await scope.credential("orders-api", scopes=SCOPES)

        async def status(context: ssl.SSLContext) -> int:
            headers = await held.headers("GET", url)
            async with session.get(url, headers=headers, ssl=context) as answer:
                return answer.status

        seen.append(await status(await held.tls_context()))
        files.rotate()
        seen.append(await status(await held.tls_context()))
        seen.append(await status(await files.tls.context()))
        seen.append(await status(await plain.context()))

    assert seen == [200, 200, 401, 401]


async def test_a_client_without_a_certificate_has_nothing_to_connect_with(
    gate: Gate, files: Files
) -> None:
    """A typed error, rather than a connection that is refused."""
    files.rotate()
    task = (await gate.world.open())["id"]

    async with calling(gate, files.tls) as client, client.resume(task) as scope:
        held = await scope.credential("orders-api", scopes=SCOPES)
        with pytest.raises(CertificateGoneError):
            await Tls(ca_file=gate.ca_file).context_of(held.current.certificate_thumbprint)


async def test_a_certificate_of_nobody_is_refused_by_a_typed_error(
    gate: Gate, files: Files
) -> None:
    """At the door as unauthenticated, or already in the handshake; each says what to do."""
    async with calling(gate, files.tls) as client:
        files.rotate("/agents/nobody/pod-1")
        with pytest.raises(UnauthenticatedError):
            await client.tasks.find()
        files.put(FakeTrustDomain("third.example").x509_svid())
        with pytest.raises(CertificateDoubtedError) as refused:
            await client.tasks.find()

    assert "trust domain" in refused.value.remedy


async def test_a_broker_that_is_not_believed_is_sent_nothing(gate: Gate, files: Files) -> None:
    """Without the authority that signed its certificate."""
    files.rotate()

    async with calling(gate, Tls(certificate=certificate_files(files.cert, files.key))) as client:
        with pytest.raises(NotSentError):
            await client.tasks.find()


class Terminal:
    """Runs the command as a workload with a certificate."""

    def __init__(self, gate: Gate, files: Files) -> None:
        self._environment = {
            "BROKER_URL": gate.url,
            "BROKER_CA_FILE": str(gate.ca_file),
            "BROKER_CERT_FILE": str(files.cert),
            "BROKER_KEY_FILE": str(files.key),
        }

    async def run(self, *arguments: str, **environment: str) -> Ended:
        """Run it."""
        return await Command(self._environment | environment).run(*arguments)


async def test_the_command_obtains_a_bound_credential_by_certificate(
    gate: Gate, files: Files, tmp_path: Path
) -> None:
    """No token anywhere; with one beside it the token says who calls, the certificate binds."""
    thumbprint, task = files.rotate(), (await gate.world.open())["id"]
    token = tmp_path / "token"
    token.write_text(gate.world.token(AGENT))
    terminal = Terminal(gate, files)
    ask = ("credential", "issue", task, "orders-api", "--scope", "orders:read", "--json")

    alone = await terminal.run(*ask)
    beside = await terminal.run(*ask, "--token-file", str(token))

    for ended in (alone, beside):
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)["bound_to"] == {"x5t#S256": thumbprint}


async def test_the_command_says_what_is_wrong_with_the_key(gate: Gate, files: Files) -> None:
    """Open to others, or encrypted: and what to do; the right passphrase opens it."""
    svid = PROD.x509_svid()
    files.put(svid)
    terminal, look = Terminal(gate, files), ("task", "list", "--json")

    files.key.chmod(0o644)
    exposed = await terminal.run(*look)
    files.key.write_bytes(svid.encrypted_key(b"open sesame"))
    files.key.chmod(0o600)
    closed = await terminal.run(*look)
    wrong = await terminal.run(*look, BROKER_KEY_PASSPHRASE="open says me")
    right = await terminal.run(*look, BROKER_KEY_PASSPHRASE="open sesame")

    assert [ended.code for ended in (exposed, closed, wrong, right)] == [1, 1, 1, 0]
    assert "chmod 600" in exposed.err
    assert "BROKER_KEY_PASSPHRASE" in closed.err
    assert "does not open the key" in wrong.err
    assert "Traceback" not in exposed.err + closed.err + wrong.err
