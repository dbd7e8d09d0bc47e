"""The authority of one task: it certifies the declared names to the child, and to nobody else.

Its key is in memory only. The authority is bound to those names (RFC 5280 §4.2.1.10), so that even
its key could not speak for any other.
"""

import ipaddress
import secrets
import ssl
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jit-broker, for one task")])
_LEAF_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jit-broker proxy")])
_EARLIER: Final = timedelta(minutes=5)
"""A child whose clock is a little behind sees a certificate that is valid already."""

_ADDRESSES: Final = tuple(map(x509.IPAddress, map(ipaddress.ip_network, ("0.0.0.0/0", "::/0"))))
_ALL_NAMES: Final = x509.DNSName("")
"""An empty constraint covers every name; no list of permitted ones would permit all."""


class TaskAuthority:
    """Certifies some names until the task is over."""

    def __init__(self, hosts: Iterable[str], *, now_ms: int, expires_at_ms: int) -> None:
        self._begins = datetime.fromtimestamp(now_ms / 1000, UTC) - _EARLIER
        self._ends = datetime.fromtimestamp(expires_at_ms / 1000, UTC)
        self._hosts = sorted(set(hosts))
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        own = self._certificate()
        self.pem = own.public_bytes(serialization.Encoding.PEM).decode()
        """The certificate that the child is to trust."""
        self._contexts: dict[str, ssl.SSLContext] = {}

    def context(self, host: str) -> ssl.SSLContext:
        """Return how to speak TLS as this host, to those who ask for it by name.

        Raises:
            KeyError: it is not one of the names.
        """
        if host not in self._hosts:
            raise KeyError(host)
        if host not in self._contexts:
            self._contexts[host] = self._context(host)
        return self._contexts[host]

    def _certificate(self) -> x509.Certificate:
        constraints = x509.NameConstraints(
            permitted_subtrees=[x509.DNSName(host) for host in self._hosts] or None,
            excluded_subtrees=[*_ADDRESSES, *([] if self._hosts else [_ALL_NAMES])],
        )
        return (
            self._draft(_NAME, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(constraints, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _leaf(self, host: str) -> x509.Certificate:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return (
            self._draft(_LEAF_NAME, self._leaf_key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(purpose, critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _draft(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(_NAME)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._begins)
            .not_valid_after(self._ends)
            .add_extension(issuer, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load(context, self._leaf(host))

        def check(_: object, name: str | None, __: object) -> int | None:
            if name is not None and name.lower() == host:
                return None
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

        context.sni_callback = check
        return context

    def _load(self, context: ssl.SSLContext, leaf: x509.Certificate) -> None:
        # The ssl module reads keys from files only. What is written is encrypted, by a word that
        # never leaves this function.
        word = secrets.token_bytes(32)
        key = self._leaf_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(word),
        )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "leaf.pem")
            file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + key)
            context.load_cert_chain(file, password=word)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
