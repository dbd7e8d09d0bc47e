"""Certificates that end are told of while there is time, and named with their setting."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from broker import expiry
from broker.attestation.settings import AttestationSettings
from broker.expiry import CertificateFile
from broker.findings import Line
from broker.settings.listening import Listen, TlsFiles
from broker.settings.load import load_document
from broker.settings.settings import Settings
from tests.fakes.certificates import Authority
from tests.fakes.policy import CONFIG

NOW: Final = datetime(2031, 5, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)


def chain(folder: Path, ends: datetime, *, begins: datetime = NOW - 90 * DAY) -> CertificateFile:
    """Issue a server's certificate that ends at an instant."""
    issued, _ = Authority(folder, "root").issue("leaf", begins=begins, life=ends - begins)
    return CertificateFile("listen.tls.cert_file", issued, is_chain=True)


def look(*files: CertificateFile) -> Line:
    """Examine files of which at most one needs a hand."""
    [line] = expiry.examine([*files], int(NOW.timestamp() * 1000))
    return line


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (timedelta(0), "fail"),
        (timedelta(seconds=1), "warn"),
        (30 * DAY, "warn"),
        (30 * DAY + timedelta(seconds=1), "ok"),
    ],
)
def test_a_certificate_is_told_of_thirty_days_ahead(
    tmp_path: Path, left: timedelta, state: str
) -> None:
    """From the second on in which it expires it is a failure."""
    assert look(chain(tmp_path, NOW + left)).state == state


def test_a_finding_names_the_setting_the_file_the_day_and_the_remedy(tmp_path: Path) -> None:
    """Whoever reads it needs nothing else."""
    file = chain(tmp_path, NOW - DAY)

    line = look(file)

    assert line.where == f"listen.tls.cert_file: {file.path}"
    assert "2031-04-30" in line.what
    assert line.remedy


def test_a_certificate_of_tomorrow_is_a_failure_today(tmp_path: Path) -> None:
    """No client accepts it yet."""
    line = look(chain(tmp_path, NOW + 90 * DAY, begins=NOW + DAY))

    assert (line.state, "not valid before" in line.what) == ("fail", True)


def test_a_chain_ends_with_the_first_of_it(tmp_path: Path) -> None:
    """An intermediate that has expired breaks it."""
    good, bad = chain(tmp_path, NOW + 90 * DAY), tmp_path / "chain.pem"
    (tmp_path / "old").mkdir()
    old = chain(tmp_path / "old", NOW - DAY)
    bad.write_bytes(good.path.read_bytes() + old.path.read_bytes())

    assert look(CertificateFile("listen.tls.cert_file", bad, is_chain=True)).state == "fail"


def test_one_authority_that_ended_harms_no_file_of_several(tmp_path: Path) -> None:
    """The others still vouch; when none does, it is a failure."""
    old = chain(tmp_path, NOW - DAY).path
    both = tmp_path / "both.pem"
    both.write_bytes(old.read_bytes() + Authority(tmp_path, "root").ca_file.read_bytes())

    assert look(CertificateFile("store.ca_file", both)).state == "ok"
    assert look(CertificateFile("store.ca_file", old)).state == "fail"


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nno\n"])
def test_a_file_without_a_certificate_is_a_failure(tmp_path: Path, content: bytes | None) -> None:
    """Absent, empty and broken ones alike, by name."""
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_bytes(content)

    line = look(CertificateFile("store.ca_file", path))

    assert (line.state, line.where) == ("fail", f"store.ca_file: {path}")
    assert line.remedy


def test_every_setting_that_names_certificates_is_looked_at(tmp_path: Path) -> None:
    """Of the listener, the store, the issuers with their reviewers, and the trust domains."""
    shipped = load_document(CONFIG / "broker.yaml", Settings)
    own = {name: tmp_path / f"{name}.pem" for name in ("cert_file", "key_file", "ca_file")}
    settings = replace(
        shipped,
        listen=Listen(tls=TlsFiles(cert_file=tmp_path / "l.pem", key_file=tmp_path / "l.key")),
        store=replace(shipped.store, url="rediss://127.0.0.1:1", **own),
    )
    declared = tmp_path / "issuers.yaml"
    declared.write_text(ISSUERS)

    files = expiry.files_of(settings, load_document(declared, AttestationSettings))

    assert [file.setting for file in files] == [
        "listen.tls.cert_file",
        "store.cert_file",
        "store.ca_file",
        "issuer idp, keys.ca_file",
        "issuer idp, token_review.ca_file",
        "trust domain acme, bundle.ca_file",
    ]
    assert [file.is_chain for file in files] == [True, True, False, False, False, False]
    assert expiry.files_of(shipped, None) == []


ISSUERS: Final = """\
issuers:
  - name: idp
    issuer: https://idp.example
    preset: kubernetes
    audience: https://broker.example
    claims: {verified: {/kubernetes.io/namespace: payments}}
    keys: {url: "https://idp.example/keys", ca_file: idp.pem}
    token_review: {url: "https://10.0.0.1:443", token_file: token, ca_file: api.pem}
trust_domains:
  - name: acme
    trust_domain: acme.example
    audience: jit-broker
    bundle: {url: "https://acme.example/bundle", ca_file: domain.pem}
    map: [{path: "/agent/{name}/{instance}", kind: agent, tenant: acme}]
"""
