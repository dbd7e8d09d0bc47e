"""A real OpenBao over TLS: trusted by its own authority, and by nobody else's."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.errors import BackendError, Trouble
from backends.vault_channel import Channel
from backends.vault_options import JwtLogin, VaultOptions
from tests.real.vault_lab import MOUNTS, soon

pytestmark = pytest.mark.real


@pytest.fixture
def server(part: Callable[[str], Path], tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of its own making; its address, and its authority."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listen = f"-dev-listen-address=127.0.0.1:{port}"
    argv = [part("openbao"), "server", "-dev-tls", f"-dev-tls-cert-dir={tmp_path}", listen]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*argv, "-dev-no-store-token"], stdout=quiet, stderr=quiet) as process:  # noqa: S603 - ours
        yield f"https://127.0.0.1:{port}", next(_authority(tmp_path))
        process.kill()


def _authority(folder: Path) -> Iterator[Path]:
    ends = time.monotonic() + 60
    while True:
        yield from folder.glob("*-ca.pem")
        assert time.monotonic() < ends, "no certificate was made"
        time.sleep(0.05)


def identity(address: str, ca_file: Path | None) -> str:
    """Ask who it is, as often as it takes to start."""
    declared = VaultOptions(
        address=address,
        login=JwtLogin(role="jit-broker"),
        token_role="jit",
        mounts=MOUNTS,
        ca_file=ca_file,
    )
    with Channel(declared, soon()) as channel:
        return channel.identity()


def test_its_own_authority_is_trusted_and_no_other(server: tuple[str, Path]) -> None:
    """Whatever else the machine trusts."""
    address, authority = server
    ends = time.monotonic() + 60
    found = ""
    while not found:
        try:
            found = identity(address, authority)
        except BackendError:
            assert time.monotonic() < ends
            time.sleep(0.05)

    with pytest.raises(BackendError) as caught:
        identity(address, None)

    assert found.startswith("vault:")
    assert caught.value.trouble is Trouble.UNREACHABLE
    assert "SSLError" in str(caught.value)
