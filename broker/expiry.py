"""Until when certificates are good. TLS does not warn: on the day it only refuses.

A chain is as good as the first of it that ends. Of a file of authorities one may have ended long
ago without harm: it is useless when all have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from broker.attestation.settings import AttestationSettings
from broker.clock import rfc3339
from broker.findings import Line
from broker.settings.settings import Settings

WARNING_DAYS: Final = 30
"""Long enough to get a new certificate by hand."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of a file; the whole Web PKI has a quarter of a megabyte."""

_DAY_MS: Final = 86_400_000
_CHECK: Final = "certificates"


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A PEM file of certificates, and the setting that names it."""

    setting: str
    path: Path
    is_chain: bool = False

    @property
    def where(self) -> str:
        """Name both."""
        return f"{self.setting}: {self.path}"


def files_of(settings: Settings, issuers: AttestationSettings | None) -> list[CertificateFile]:
    """List every file of certificates that a broker with these settings uses for TLS."""
    found = [*_own(settings)]
    if issuers is not None:
        found += _of_issuers(issuers)
    return found


def examine(files: list[CertificateFile], now_ms: int) -> list[Line]:
    """Say of each file that needs a hand what is wrong; one line if none does."""
    found = [line for file in files for line in _judge(file, now_ms)]
    words = f"{len(files)} files, none ends within {WARNING_DAYS} days" if files else "none in use"
    return found or [Line(_CHECK, "ok", words)]


def _own(settings: Settings) -> Iterator[CertificateFile]:
    if settings.listen.tls is not None:
        yield CertificateFile("listen.tls.cert_file", settings.listen.tls.cert_file, is_chain=True)
    if settings.store.cert_file is not None:
        yield CertificateFile("store.cert_file", settings.store.cert_file, is_chain=True)
    if settings.store.ca_file is not None:
        yield CertificateFile("store.ca_file", settings.store.ca_file)


def _of_issuers(declared: AttestationSettings) -> Iterator[CertificateFile]:
    for issuer in declared.declarations():
        review = issuer.token_review
        for part, ca_file in (
            ("keys", issuer.keys.ca_file),
            ("token_review", review.ca_file if review is not None else None),
        ):
            if ca_file is not None:
                yield CertificateFile(f"issuer {issuer.name}, {part}.ca_file", ca_file)
    for domain in declared.trust_domains:
        if domain.bundle.ca_file is not None:
            name = f"trust domain {domain.name}, bundle.ca_file"
            yield CertificateFile(name, domain.bundle.ca_file)


def _judge(file: CertificateFile, now_ms: int) -> Iterator[Line]:
    try:
        certificates = _read(file.path)
    except (OSError, ValueError) as error:
        remedy = "give a PEM file of certificates that this process may read"
        what = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        yield Line(_CHECK, "fail", what, remedy, file.where)
        return
    begins = [_ms(each.not_valid_before_utc) for each in certificates]
    ends = [_ms(each.not_valid_after_utc) for each in certificates]
    if file.is_chain and max(begins) > now_ms:
        remedy = "look at the clock of this machine, or use the certificate from then on"
        what = f"is not valid before {rfc3339(max(begins))}"
        yield Line(_CHECK, "fail", what, remedy, file.where)
    yield from _judge_end(file, min(ends) if file.is_chain else max(ends), now_ms)


def _judge_end(file: CertificateFile, end_ms: int, now_ms: int) -> Iterator[Line]:
    noun = "a certificate and its chain" if file.is_chain else "authorities"
    remedy = f"put {noun} that last into the file, then restart the broker"
    if end_ms <= now_ms:
        yield Line(_CHECK, "fail", f"expired on {rfc3339(end_ms)}", remedy, file.where)
    elif end_ms <= now_ms + WARNING_DAYS * _DAY_MS:
        days = (end_ms - now_ms) // _DAY_MS
        what = f"expires in {days} days, on {rfc3339(end_ms)}"
        yield Line(_CHECK, "warn", what, remedy, file.where)


def _read(path: Path) -> list[x509.Certificate]:
    """Read every certificate of a PEM file.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no certificate, or one that is none.
    """
    with path.open("rb") as file:
        text = file.read(MAX_BYTES)
    return x509.load_pem_x509_certificates(text)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
