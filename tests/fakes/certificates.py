"""A certificate authority that lives for one test."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_LIFE = timedelta(days=365 * 100)


def usage(*, sign: bool = True, cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    """Write a key usage."""
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


MAY_SIGN: Final = usage(sign=False, cert_sign=True, crl_sign=True)
"""Without it Python 3.13 trusts no authority."""


def draft(
    subject: x509.Name,
    key: CertificatePublicKeyTypes,
    issuer: tuple[x509.Name, ec.EllipticCurvePublicKey],
    begins: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    """Begin a certificate: all that any of them has. The issuer is its name and its key."""
    name, issuing_key = issuer
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + life)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing_key), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


class Authority:
    """Issues certificates for 127.0.0.1 and writes them as PEM files below ``directory``."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca_file = directory / f"{name}.ca.pem"
        root = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(MAY_SIGN, critical=True)
        )
        self._write(self.ca_file, root.sign(self._key, hashes.SHA256()))

    def issue(
        self,
        name: str,
        *,
        begins: datetime = _EPOCH,
        life: timedelta = _LIFE,
        hosts: tuple[str, ...] = (),
    ) -> tuple[Path, Path]:
        """Make a key pair; return the files of the certificate and of the key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        here = x509.SubjectAlternativeName([address, *map(x509.DNSName, hosts)])
        issuer = (self._name, self._key.public_key())
        certificate = draft(subject, key.public_key(), issuer, begins, life).add_extension(
            here, critical=False
        )
        cert_file, key_file = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        self._write(cert_file, certificate.sign(self._key, hashes.SHA256()))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert_file, key_file

    def server_context(
        self, *, asks_clients: bool = False, hosts: tuple[str, ...] = ()
    ) -> ssl.SSLContext:
        """Make the TLS side of a server, which may insist on certificates of its clients."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca_file)
        context.load_cert_chain(*self.issue("server", hosts=hosts))
        context.verify_mode = ssl.CERT_REQUIRED if asks_clients else ssl.CERT_NONE
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return draft(subject, key, (self._name, self._key.public_key()), _EPOCH, _LIFE)

    @staticmethod
    def _write(path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
