"""Bundle endpoints over real TLS: profile https_spiffe, and what an https_web one must not do."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from broker.attestation.assembly import build_attestation
from broker.attestation.key_source import KeySourceError, open_key_session
from broker.attestation.reasons import Reason
from broker.attestation.settings import AttestationSettings
from broker.attestation.spiffe.bundle_reader import BundleReader
from broker.attestation.spiffe.endpoint import SpiffeEndpointSource
from tests.fakes.issuer import FakeIssuer, encode
from tests.fakes.spiffe import SpiffeBench, declare_domain
from tests.fakes.trust_domain import FakeTrustDomain, SigningAuthority, Svid, uris

SERVER_PATH = "/spire/server"
ENDPOINT_ID = "spiffe://prod.example/spire/server"


@dataclass
class Endpoint:
    """A bundle endpoint: what it answers, and how many requests came."""

    document: bytes
    url: str = ""
    requests: int = 0

    async def answer(self, _request: web.Request) -> web.Response:
        """Answer the bundle."""
        self.requests += 1
        return web.Response(body=self.document)


@asynccontextmanager
async def serving(document: bytes, svid: Svid, directory: Path) -> AsyncIterator[Endpoint]:
    """Serve a bundle by an SVID on the loopback interface."""
    endpoint = Endpoint(document)
    application = web.Application()
    application.router.add_get("/", endpoint.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*svid.write(directory, "server"))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    endpoint.url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


def source_of(
    session: ClientSession, url: str, first: Path, reader: BundleReader | None = None
) -> SpiffeEndpointSource:
    """Make the source of an endpoint."""
    return SpiffeEndpointSource(
        session,
        url,
        endpoint_id=ENDPOINT_ID,
        first=first,
        reader=reader or BundleReader(("ES256",)),
        timeout_ms=10_000,
    )


def written(directory: Path, document: bytes) -> Path:
    """Write a bundle to begin with."""
    path = directory / "bundle.json"
    path.write_bytes(document)
    return path


async def test_an_endpoint_is_trusted_by_the_bundle_itself(
    session: ClientSession, tmp_path: Path
) -> None:
    """Its SVID has no name of the host, and no authority of this machine knows it."""
    domain = FakeTrustDomain("prod.example")
    first = written(tmp_path, domain.bundle())

    async with serving(domain.bundle(), domain.x509_svid(SERVER_PATH), tmp_path) as endpoint:
        fetched = await source_of(session, endpoint.url, first).fetch()

    assert fetched == domain.bundle()


async def test_an_endpoint_below_an_intermediate_is_trusted(
    session: ClientSession, tmp_path: Path
) -> None:
    """It sends the intermediates along."""
    domain = FakeTrustDomain("prod.example")
    middle = SigningAuthority("middle", domain.authority)
    svid = domain.x509_svid(SERVER_PATH, by=[middle])
    first = written(tmp_path, domain.bundle())

    async with serving(domain.bundle(), svid, tmp_path) as endpoint:
        assert await source_of(session, endpoint.url, first).fetch()


DOMAIN, OTHER = FakeTrustDomain("prod.example"), FakeTrustDomain("other.example")
IMPOSTORS = {
    "another path": DOMAIN.x509_svid("/agents/invoice-bot/pod-1"),
    "SP-2 forged by another domain": OTHER.x509_svid(names=(uris(ENDPOINT_ID), False)),
    "another domain's own": OTHER.x509_svid(SERVER_PATH),
    "SP-3 two URI names": DOMAIN.x509_svid(names=(uris(ENDPOINT_ID, "spiffe://x/y"), False)),
    "expired": DOMAIN.x509_svid(SERVER_PATH, life=timedelta(minutes=1)),
    "no key usage": DOMAIN.x509_svid(SERVER_PATH, usage=None),
}


@pytest.mark.parametrize("case", IMPOSTORS)
async def test_an_impostor_gets_no_request(
    session: ClientSession, tmp_path: Path, case: str
) -> None:
    """The handshake fails: nothing is sent, and nothing that it says is read."""
    first = written(tmp_path, DOMAIN.bundle())

    async with serving(OTHER.bundle(), IMPOSTORS[case], tmp_path) as endpoint:
        with pytest.raises(KeySourceError):
            await source_of(session, endpoint.url, first).fetch()

    assert endpoint.requests == 0


async def test_a_certificate_of_the_web_is_not_enough(
    session: ClientSession, tmp_path: Path
) -> None:
    """An ordinary server certificate, even for the right host, bears no SPIFFE ID."""
    first = written(tmp_path, DOMAIN.bundle())
    web_only = DOMAIN.x509_svid(names=(uris("https://127.0.0.1/"), False))

    async with serving(DOMAIN.bundle(), web_only, tmp_path) as endpoint:
        with pytest.raises(KeySourceError):
            await source_of(session, endpoint.url, first).fetch()


async def test_once_taken_a_bundle_replaces_the_one_to_begin_with(
    session: ClientSession, tmp_path: Path
) -> None:
    """An authority that has been dropped does not come back by way of the old file."""
    domain = FakeTrustDomain("prod.example")
    first = written(tmp_path, domain.bundle())
    old = domain.x509_svid(SERVER_PATH)
    domain.authority = SigningAuthority("next root")
    domain.members[1] = domain.x509_member()
    reader = BundleReader(("ES256",))

    async with serving(domain.bundle(), old, tmp_path) as endpoint:
        source = source_of(session, endpoint.url, first, reader)
        reader.read(await source.fetch())
        with pytest.raises(KeySourceError):
            await source.fetch()
    async with serving(domain.bundle(), domain.x509_svid(SERVER_PATH), tmp_path) as endpoint:
        assert await source_of(session, endpoint.url, first, reader).fetch()


@pytest.mark.parametrize("document", [b"", b"{}", b'{"keys": []}'])
async def test_without_an_authority_to_begin_with_nobody_is_trusted(
    session: ClientSession, tmp_path: Path, document: bytes
) -> None:
    """A missing, broken or empty file opens nothing."""
    source = source_of(session, "https://127.0.0.1:1/", written(tmp_path, document))
    missing = source_of(session, "https://127.0.0.1:1/", tmp_path / "missing.json")

    for each in (source, missing):
        with pytest.raises(KeySourceError):
            await each.fetch()


async def test_a_trust_domain_is_built_from_its_stanza(tmp_path: Path) -> None:
    """From settings to a verified JWT-SVID, over a SPIFFE endpoint."""
    bench = SpiffeBench()
    svid = bench.domain.x509_svid(SERVER_PATH)
    first = written(tmp_path, bench.domain.bundle())
    async with (
        serving(bench.domain.bundle(), svid, tmp_path) as endpoint,
        open_key_session() as session,
    ):
        declared = declare_domain(
            bundle={
                "url": endpoint.url,
                "profile": "https_spiffe",
                "endpoint_id": ENDPOINT_ID,
                "file": str(first),
                "timeout_seconds": 10,
            }
        )
        attestation = build_attestation(
            AttestationSettings(trust_domains=(declared,)),
            session,
            clock=bench.clock,
            observer=bench.watcher,
        )
        assert await attestation.attest(bench.token())
        await attestation.close()


@pytest.mark.parametrize("mood", ["redirect", "garbage", "html", "gzip", "error", "cut"])
async def test_sp11_a_lying_web_endpoint_costs_only_itself(mood: str) -> None:
    """No redirect is followed, and the last good bundle goes on."""
    bench = SpiffeBench()
    fake = FakeIssuer(bench.domain)
    await fake.start()
    declared = declare_domain(bundle={"url": fake.url})
    async with open_key_session() as session:
        attestation = build_attestation(
            AttestationSettings(trust_domains=(declared,)),
            session,
            clock=bench.clock,
            observer=bench.watcher,
        )
        assert await attestation.attest(bench.token())
        fake.mood = mood
        bench.clock.advance(10_000)

        await attestation.start()

        assert await attestation.attest(bench.token())
        assert fake.fetches == 2
        assert fake.others == 0
        assert len(bench.watcher.failures) == 1
        await attestation.close()
    await fake.stop()


async def test_a_replaced_file_takes_effect(tmp_path: Path) -> None:
    """A bundle from a file is looked at anew, like one from an endpoint."""
    bench, path = SpiffeBench(), tmp_path / "bundle.json"
    path.write_bytes(bench.domain.bundle())
    declared = declare_domain(bundle={"file": str(path)})
    async with open_key_session() as session:
        bench.attestation = build_attestation(
            AttestationSettings(trust_domains=(declared,)),
            session,
            clock=bench.clock,
            observer=bench.watcher,
        )
        token = bench.token()
        assert await bench.attestation.attest(token)

        path.write_bytes(encode({"keys": [], "spiffe_sequence": 2}))
        bench.clock.advance(10_000)
        await bench.attestation.start()

        assert await bench.reason_of(token) == Reason.UNKNOWN_KEY
