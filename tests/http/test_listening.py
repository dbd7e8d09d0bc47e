"""Endpoints: what is listened on, by whom, and what keeps a server from starting."""

import datetime as dt
import os
import resource
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, UnixConnector
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.errors import ConfigurationError
from broker.http.limits import Limits
from broker.http.routes import build
from broker.http.server import HttpServer, descriptors, require_native_parser
from broker.http.sockets import TcpEndpoint, UnixEndpoint, tls_context
from tests.fakes.services import Stage, make_services
from tests.fakes.serving import serving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the unix socket goes."""
    return tmp_path / "broker.sock"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = tmp_path / "tls.crt", tmp_path / "tls.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, secret


def mode_of(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    """Tell whether something is there."""
    return path.exists()


def fill(path: Path, text: str) -> None:
    """Make a file."""
    path.write_text(text)


def text_of(path: Path) -> str:
    """Read a file."""
    return path.read_text()


async def status_over(connector: UnixConnector | TCPConnector, url: str) -> int:
    """Ask for the health over this connector."""
    async with ClientSession(connector=connector) as session, session.get(url) as answer:
        return answer.status


async def test_a_unix_socket_is_the_owners_alone(stage: Stage, limits: Limits, path: Path) -> None:
    """Mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        async with serving(stage, limits, UnixEndpoint(path)):
            assert mode_of(path) == 0o600
            assert await status_over(UnixConnector(str(path)), "http://broker/healthz") == 200
    finally:
        os.umask(before)

    assert not exists(path)


async def test_a_socket_left_by_the_dead_is_replaced(
    stage: Stage, limits: Limits, path: Path
) -> None:
    """A crash does not need cleaning up by hand."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async with serving(stage, limits, UnixEndpoint(path)):
        assert await status_over(UnixConnector(str(path)), "http://broker/healthz") == 200


async def test_a_socket_in_use_is_left_alone(stage: Stage, limits: Limits, path: Path) -> None:
    """Two brokers do not fight over one path."""
    async with serving(stage, limits, UnixEndpoint(path)):
        with pytest.raises(ConfigurationError, match="another process listens"):
            async with serving(Stage(), limits, UnixEndpoint(path)):
                pass

        assert await status_over(UnixConnector(str(path)), "http://broker/healthz") == 200


async def test_a_file_in_the_way_is_left_alone(stage: Stage, limits: Limits, path: Path) -> None:
    """What is no socket is not ours to remove."""
    fill(path, "precious")

    with pytest.raises(ConfigurationError, match="is no socket"):
        async with serving(stage, limits, UnixEndpoint(path)):
            pass

    assert text_of(path) == "precious"


async def test_a_path_that_cannot_be_written_says_so(
    stage: Stage, limits: Limits, tmp_path: Path
) -> None:
    """The error names the path and the fix."""
    with pytest.raises(ConfigurationError, match=r"absent.*a directory that exists"):
        async with serving(stage, limits, UnixEndpoint(tmp_path / "absent" / "broker.sock")):
            pass


async def test_tls_serves_http_over_a_modern_version(
    stage: Stage, limits: Limits, certificate: tuple[Path, Path]
) -> None:
    """TLS 1.2 or newer, HTTP/1.1."""
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    endpoint = TcpEndpoint("127.0.0.1", 0, tls=tls_context(*certificate))

    async with serving(stage, limits, endpoint) as server:
        url = f"https://localhost:{server.addresses[0][1]}/healthz"
        assert await status_over(TCPConnector(ssl=trusting), url) == 200


def test_old_tls_is_not_spoken(certificate: tuple[Path, Path]) -> None:
    """The context refuses what came before TLS 1.2."""
    assert tls_context(*certificate).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_key_of_another_certificate_says_so(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """The error names both files and the fix."""
    other = tmp_path / "other.key"
    key = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    with pytest.raises(ConfigurationError, match=r"tls\.crt.*other\.key.*PEM"):
        tls_context(certificate[0], other)


def test_a_missing_certificate_says_so(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(ConfigurationError, match=r"absent\.crt"):
        tls_context(tmp_path / "absent.crt", tmp_path / "absent.key")


async def test_a_port_in_use_says_so(server: HttpServer, limits: Limits) -> None:
    """The error names address and fix."""
    host, port = server.addresses[0]

    with pytest.raises(ConfigurationError, match=rf"{host}:{port}.*choose another"):
        async with serving(Stage(), limits, TcpEndpoint(host, port)):
            pass


async def test_workers_share_a_port(stage: Stage, limits: Limits) -> None:
    """With reuse_port, a second process may listen where the first does."""
    first = TcpEndpoint("127.0.0.1", 0, reuse_port=True)
    async with serving(stage, limits, first) as one:
        port = one.addresses[0][1]
        second = TcpEndpoint("127.0.0.1", port, reuse_port=True)
        async with serving(Stage(), limits, second) as two:
            assert two.addresses == one.addresses


async def test_an_address_that_is_none_says_so(stage: Stage, limits: Limits) -> None:
    """The error names it."""
    with pytest.raises(ConfigurationError, match=r"256\.1\.1\.1:0"):
        async with serving(stage, limits, TcpEndpoint("256.1.1.1", 0)):
            pass


def test_without_the_native_parser_nothing_starts() -> None:
    """The Python parser is another dialect, and slow (C9)."""
    program = (
        "from aiohttp.http import HttpRequestParser as parser\n"
        "from broker.http.server import require_native_parser\n"
        "require_native_parser(parser)\n"
    )
    environment = {**os.environ, "AIOHTTP_NO_EXTENSIONS": "1"}

    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )

    assert b"ConfigurationError" in done.stderr
    assert b"AIOHTTP_NO_EXTENSIONS" in done.stderr


def test_a_parser_of_another_make_is_refused() -> None:
    """Only aiohttp's own C parser will do."""
    with pytest.raises(ConfigurationError):
        require_native_parser(object)


@pytest.mark.parametrize(
    ("soft", "hard", "wanted"),
    [
        (164, 164, 164),
        (200, 200, 200),
        (163, 164, 164),
        (100, 5_000, 164),
        (100, resource.RLIM_INFINITY, 164),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY),
    ],
)
def test_descriptors_are_made_to_outnumber_connections(soft: int, hard: int, wanted: int) -> None:
    """The cap on connections has to be what runs out first."""
    assert descriptors(Limits(max_connections=100), soft=soft, hard=hard) == wanted


def test_too_few_descriptors_say_so() -> None:
    """The error has both numbers and both ways out."""
    with pytest.raises(ConfigurationError, match=r"163 files.*needs 164.*limits\.connections"):
        descriptors(Limits(max_connections=100), soft=163, hard=163)


async def test_a_server_that_cannot_start_leaves_nothing_behind(
    stage: Stage, limits: Limits, path: Path
) -> None:
    """Endpoints opened before the one that fails are closed again."""
    services = make_services(stage, limits=limits)
    server = HttpServer(build(services), limits, services.log)

    with pytest.raises(ConfigurationError, match="cannot resolve"):
        await server.start(UnixEndpoint(path), TcpEndpoint("256.1.1.1", 0))

    assert not exists(path)
