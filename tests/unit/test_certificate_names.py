"""Whether a certificate is for the host that agents call."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from broker.certificate_names import examine
from broker.settings.listening import Listen, TlsFiles
from broker.settings.load import load_document
from broker.settings.settings import Settings
from tests.fakes.certificates import Authority
from tests.fakes.policy import CONFIG


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("broker.example", True),
        ("BROKER.example", True),
        ("a.wild.example", True),
        ("127.0.0.1:8443", True),
        ("example", False),
        ("wild.example", False),
        ("b.a.wild.example", False),
        ("broker.example.evil", False),
        ("127.0.0.2", False),
        ("[::1]", False),
    ],
)
def test_only_a_host_that_it_names_fits(tmp_path: Path, host: str, *, fits: bool) -> None:
    """Letter by letter but for case; ``*`` is one label; addresses are addresses."""
    hosts = ("broker.example", "*.wild.example")
    cert, key = Authority(tmp_path, "root").issue("server", hosts=hosts)

    lines = [*examine(settings(f"https://{host}", TlsFiles(cert_file=cert, key_file=key)))]

    assert (lines == []) is fits
    assert all(line.state == "warn" and line.remedy and str(cert) in line.where for line in lines)


def test_without_tls_or_a_file_there_is_nothing_to_say(tmp_path: Path) -> None:
    """A proxy may end TLS; a file that cannot be read is told of elsewhere."""
    missing = TlsFiles(cert_file=tmp_path / "no.pem", key_file=tmp_path / "no.key")

    assert [*examine(settings("https://broker.example", None))] == []
    assert [*examine(settings("https://broker.example", missing))] == []


def settings(issuer: str, tls: TlsFiles | None) -> Settings:
    """State an address and a certificate."""
    shipped = load_document(CONFIG / "broker.yaml", Settings)
    return replace(shipped, issuer=issuer, listen=Listen(tls=tls))
