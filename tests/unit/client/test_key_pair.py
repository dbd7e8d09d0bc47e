"""Certificates and keys from files: who else may read them, and what is no pair."""

import os
import socket
import ssl
import stat
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Self, cast

import pytest

from broker.client.api import BrokerClient
from broker.client.certificate_errors import (
    AuthoritiesUnfitError,
    CertificateRefusedError,
    CertificateSourceError,
    CertificateUnfitError,
    KeyEncryptedError,
    KeyExposedError,
)
from broker.client.endpoint import Endpoint, open_session
from broker.client.key_pair import KeyPair, certificate_files, exposure
from broker.client.tls import Tls
from broker.proof.confirmation import of_certificate
from broker.secret import Secret
from tests.fakes.certificates import Authority
from tests.fakes.trust_domain import FakeTrustDomain

DOMAIN = FakeTrustDomain("prod.example")
SVID, OTHER = DOMAIN.x509_svid(), DOMAIN.x509_svid()


async def test_a_pair_is_named_by_its_leaf(tmp_path: Path) -> None:
    """As a bound credential names it."""
    pair = await certificate_files(*SVID.write(tmp_path, "svid"))()

    assert pair.thumbprint == of_certificate(SVID.der).thumbprint


async def test_one_file_may_hold_both(tmp_path: Path) -> None:
    """It is then as private as the key in it."""
    chain, key = SVID.write(tmp_path, "svid")
    both = tmp_path / "both.pem"
    both.write_bytes(chain.read_bytes() + key.read_bytes())
    both.chmod(0o644)

    with pytest.raises(KeyExposedError):
        await certificate_files(both)()
    both.chmod(0o600)
    assert await Tls(certificate=certificate_files(both)).context()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601, 0o666])
async def test_a_key_that_others_may_read_or_change_is_not_used(tmp_path: Path, mode: int) -> None:
    """The error names the file and its mode."""
    chain, key = SVID.write(tmp_path, "svid")
    key.chmod(mode)

    with pytest.raises(KeyExposedError, match=f"svid.key is open to others: its mode is {mode:o}"):
        await certificate_files(chain, key)()


OURS, ROOT, SOMEBODY = 1000, 0, 1001


@pytest.mark.parametrize(
    ("owner", "mode", "is_exposed"),
    [
        (OURS, 0o600, False),
        (OURS, 0o400, False),
        (OURS, 0o640, True),
        (ROOT, 0o640, False),
        (ROOT, 0o440, False),
        (ROOT, 0o660, True),
        (ROOT, 0o644, True),
        (ROOT, 0o650, True),
        (SOMEBODY, 0o600, True),
    ],
)
def test_root_may_own_a_mounted_key_that_a_group_reads(
    owner: int, mode: int, *, is_exposed: bool
) -> None:
    """As Kubernetes hands it to a pod that is not root; nobody else's is taken."""
    found = cast("os.stat_result", SimpleNamespace(st_uid=owner, st_mode=stat.S_IFREG | mode))

    assert bool(exposure(found, OURS)) is is_exposed


async def test_a_link_to_a_key_is_followed(tmp_path: Path) -> None:
    """Mounted volumes are made of links; the file's own mode counts."""
    chain, key = SVID.write(tmp_path, "svid")
    link = tmp_path / "link"
    link.symlink_to(key)

    assert await certificate_files(chain, link)()
    key.chmod(0o644)
    with pytest.raises(KeyExposedError):
        await certificate_files(chain, link)()


async def test_an_encrypted_key_wants_its_passphrase(tmp_path: Path) -> None:
    """None and another one are refused alike; nothing asks on a terminal."""
    chain, key = SVID.write(tmp_path, "svid")
    key.write_bytes(SVID.encrypted_key(b"right"))

    for passphrase in (None, Secret("wrong"), Secret("")):
        with pytest.raises(KeyEncryptedError) as refused:
            await certificate_files(chain, key, passphrase=passphrase)()
        assert "wrong" not in str(refused.value)
    source = certificate_files(chain, key, passphrase=Secret("right"))
    assert await Tls(certificate=source).context()


@pytest.mark.parametrize("absent", ["svid.pem", "svid.key"])
async def test_a_file_that_is_not_there_is_named(tmp_path: Path, absent: str) -> None:
    """With the system's own word for why."""
    files = SVID.write(tmp_path, "svid")
    (tmp_path / absent).unlink()

    with pytest.raises(CertificateSourceError, match=f"{absent} cannot be read: No such file"):
        await certificate_files(*files)()


@pytest.mark.parametrize("text", [b"", b"nonsense", b"\xff\x00", b"x" * 70_000])
@pytest.mark.parametrize("which", [0, 1])
async def test_files_that_hold_something_else_are_no_pair(
    tmp_path: Path, text: bytes, which: int
) -> None:
    """Whatever the bytes are."""
    files = SVID.write(tmp_path, "svid")
    files[which].write_bytes(text)

    with pytest.raises(CertificateUnfitError):
        await Tls(certificate=certificate_files(*files)).context()


async def test_a_key_of_another_certificate_is_no_pair(tmp_path: Path) -> None:
    """At the first look it is an error."""
    chain, _ = SVID.write(tmp_path, "svid")
    _, key = OTHER.write(tmp_path, "other")

    with pytest.raises(CertificateUnfitError, match="do not fit"):
        await Tls(certificate=certificate_files(chain, key)).context()


async def test_the_same_files_make_the_same_context(tmp_path: Path) -> None:
    """Connections are kept; other files make another one, and the one before can still be had."""
    tls = Tls(certificate=certificate_files(*SVID.write(tmp_path, "svid")))
    first = await tls.context()

    assert await tls.context() is first
    OTHER.write(tmp_path, "svid")
    assert await tls.context() is not first
    assert await tls.context_of(of_certificate(SVID.der).thumbprint) is first


async def test_a_key_that_was_opened_to_others_stops_everything(tmp_path: Path) -> None:
    """Although the one before was good: somebody may have it."""
    files = SVID.write(tmp_path, "svid")
    tls = Tls(certificate=certificate_files(*files))
    await tls.context()
    files[1].chmod(0o644)

    with pytest.raises(KeyExposedError):
        await tls.context()


@pytest.mark.parametrize("text", [None, b"", b"nonsense"])
async def test_authorities_that_are_none_are_an_error(tmp_path: Path, text: bytes | None) -> None:
    """Rather than everybody whom the machine believes."""
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_bytes(text)

    with pytest.raises(AuthoritiesUnfitError):
        await Tls(ca_file=file).context()


async def test_a_source_that_fails_is_a_typed_error() -> None:
    """Its own text stays out: it may hold a secret."""

    async def failing() -> KeyPair:
        raise LookupError("a secret")

    with pytest.raises(CertificateSourceError, match="LookupError") as refused:
        await Tls(certificate=failing).context()
    assert "secret" not in str(refused.value)


def test_a_pair_does_not_show_its_key() -> None:
    """In no rendering."""
    assert "PRIVATE" not in repr(KeyPair("chain", Secret("PRIVATE")))


async def test_somebody_has_to_call_and_a_certificate_needs_tls(tmp_path: Path) -> None:
    """What would be refused or shown to nobody is refused at once."""
    shown = Tls(certificate=certificate_files(*SVID.write(tmp_path, "svid")))

    async with open_session() as session:
        for tls in (None, Tls()):
            with pytest.raises(ValueError, match="somebody has to call"):
                Endpoint("https://broker.example", None, session, tls=tls)
        with pytest.raises(ValueError, match="https"):
            Endpoint("http://127.0.0.1", None, session, tls=shown)
        assert await Endpoint("https://broker.example", None, session, tls=shown).tls_context()


async def test_an_alert_about_the_certificate_is_a_refusal(tmp_path: Path) -> None:
    """Typed, where the server says it; one that only hangs up leaves a doubt."""
    authority = Authority(tmp_path, "ca")
    shown = Tls(
        certificate=certificate_files(*SVID.write(tmp_path, "svid")), ca_file=authority.ca_file
    )
    with AlertingServer(authority.server_context(asks_clients=True)) as server:
        async with open_session() as session:
            client = BrokerClient(server.url, None, session, tls=shown)
            with pytest.raises(CertificateRefusedError, match="unknown ca"):
                await client.tasks.find()


class AlertingServer:
    """Fails the handshake of one client, and tells it why, as asyncio's servers do not."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            wrapped = self._context.wrap_socket(
                raw, server_side=True, do_handshake_on_connect=False
            )
            with suppress(ssl.SSLError):
                wrapped.do_handshake()
            with socket.socket(fileno=wrapped.detach()) as bare:
                while bare.recv(4096):  # a reset because of unread bytes would overtake the alert
                    pass
