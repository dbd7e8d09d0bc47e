"""A trust domain that really signs: SVIDs of both kinds, honest or crafted, and its bundle.

It issues like SPIRE does: ECDSA throughout, an authority with ``spiffe://<domain>`` as its own
name, leaves with an empty-ish subject, one URI name and both extended usages.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.fakes.certificates import MAY_SIGN, draft, usage
from tests.fakes.issuer import encode, public_jwk, sign_raw

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH

Extensions = Mapping[Any, tuple[x509.ExtensionType, bool] | None]


def uris(*names: str) -> x509.SubjectAlternativeName:
    """Write URI names, also such as no honest authority would."""
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name) for name in names])


@dataclass(frozen=True)
class Svid:
    """An X.509-SVID with its key and the intermediates below the bundle's authority."""

    leaf: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    intermediates: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The leaf in DER."""
        return self.leaf.public_bytes(Encoding.DER)

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write chain and key as PEM; return the two files."""
        chain, key = directory / f"{name}.pem", directory / f"{name}.key"
        chain.write_bytes(
            b"".join(c.public_bytes(Encoding.PEM) for c in (self.leaf, *self.intermediates))
        )
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key.chmod(0o600)
        return chain, key

    def encrypted_key(self, passphrase: bytes) -> bytes:
        """Return the key in PEM, closed by a passphrase."""
        closed = BestAvailableEncryption(passphrase)
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closed)


class SigningAuthority:
    """A certificate that may sign others, and its key."""

    def __init__(
        self, name: str, issuer: "SigningAuthority | None" = None, *, uri: str = ""
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer or self
        extensions: dict[object, tuple[x509.ExtensionType, bool] | None] = {
            x509.BasicConstraints: (x509.BasicConstraints(ca=True, path_length=None), True),
            x509.KeyUsage: (MAY_SIGN, True),
        }
        if uri:
            extensions[x509.SubjectAlternativeName] = (uris(uri), False)
        self.certificate = signer.sign(self.name, self.key.public_key(), extensions)

    def sign(
        self,
        subject: x509.Name,
        key: CertificatePublicKeyTypes,
        extensions: Extensions,
        *,
        starts: datetime | None = None,
        life: timedelta = timedelta(days=365),
        digest: hashes.HashAlgorithm | None = None,
    ) -> x509.Certificate:
        """Sign whatever it is told to."""
        begins = starts or datetime.now(UTC) - timedelta(hours=1)  # noqa: TID251 - TLS reads the real clock
        builder = draft(subject, key, (self.name, self.key.public_key()), begins, life)
        for extension in extensions.values():
            if extension is not None:
                builder = builder.add_extension(extension[0], critical=extension[1])
        return builder.sign(self.key, digest or hashes.SHA256())


class FakeTrustDomain:
    """One trust domain. ``members`` of its bundle can be changed at will."""

    def __init__(self, name: str, kid: str = "jwt-1") -> None:
        self.name = name
        self.authority = SigningAuthority(f"{name} root", uri=f"spiffe://{name}")
        self.kid = kid
        self.jwt_key = ec.generate_private_key(ec.SECP256R1())
        self.sequence: int | None = 1
        self.hint: int | None = 300
        self.members: list[object] = [self.jwt_member(), self.x509_member()]

    def id(self, path: str) -> str:
        """Spell an ID of this trust domain."""
        return f"spiffe://{self.name}{path}"

    def jwt_member(self, **changes: object) -> dict[str, object]:
        """Write the JWT authority's entry, as SPIRE does: with a kid and without alg."""
        member = {**public_jwk(self.jwt_key, self.kid, "ES256", use="jwt-svid"), **changes}
        member.pop("alg")
        return {name: value for name, value in member.items() if value is not None}

    def x509_member(self, authority: SigningAuthority | None = None) -> dict[str, object]:
        """Write the X.509 authority's entry."""
        signer = authority or self.authority
        der = signer.certificate.public_bytes(Encoding.DER)
        public = public_jwk(signer.key, "", "ES256", use="x509-svid")
        chain = [base64.b64encode(der).decode()]
        return {n: v for n, v in public.items() if n not in {"kid", "alg"}} | {"x5c": chain}

    def authority_pem(self) -> str:
        """Write the authority's certificate, for a TLS server that asks clients for theirs."""
        return self.authority.certificate.public_bytes(Encoding.PEM).decode()

    def bundle(self) -> bytes:
        """Write the bundle."""
        document: dict[str, object] = {"keys": self.members}
        if self.sequence is not None:
            document["spiffe_sequence"] = self.sequence
        if self.hint is not None:
            document["spiffe_refresh_hint"] = self.hint
        return encode(document)

    def jwks(self) -> bytes:
        """Write the bundle, for whoever serves a signer's keys."""
        return self.bundle()

    def jwt_svid(self, claims: Mapping[str, object], **header: object) -> str:
        """Sign claims; header members can be replaced, or left out as ``None``."""
        merged = {"alg": "ES256", "kid": self.kid, "typ": "JWT", **header}
        kept = {name: value for name, value in merged.items() if value is not None}
        return sign_raw(encode(kept), encode(claims), self.jwt_key, "ES256")

    def x509_svid(
        self,
        path: str = "/agents/invoice-bot/pod-1",
        *,
        by: Sequence[SigningAuthority] = (),
        starts: datetime | None = None,
        life: timedelta = timedelta(hours=6),
        digest: hashes.HashAlgorithm | None = None,
        **changes: tuple[x509.ExtensionType, bool] | None,
    ) -> Svid:
        """Issue an SVID, by the authority or by the last of some intermediates below it.

        ``constraints``, ``usage``, ``extended`` and ``names`` replace an extension, or leave it out
        as ``None``.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: dict[str, tuple[x509.ExtensionType, bool] | None] = {
            "constraints": (x509.BasicConstraints(ca=False, path_length=None), True),
            "usage": (usage(), True),
            "extended": (x509.ExtendedKeyUsage([SERVER, CLIENT]), False),
            "names": (uris(self.id(path)), False),
            **changes,
        }
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SPIRE")])
        signer = by[-1] if by else self.authority
        leaf = signer.sign(
            subject,
            key.public_key(),
            extensions,
            starts=starts,
            life=life,
            digest=digest,
        )
        return Svid(leaf, key, tuple(each.certificate for each in reversed(by)))
