"""A bundle endpoint of profile ``https_spiffe`` (SPIFFE Federation §5.2.2).

The server shows the X.509-SVID that the operator stated, and the bundle itself vouches for it; no
authority of the Web PKI does. It is checked before a byte of the request is sent.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import ClientSession
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.attestation.key_source import FileKeySource, KeySourceError, UrlKeySource
from broker.attestation.keyset import UnusableKeySetError
from broker.attestation.spiffe.authority import UnfitCertificateError, load_certificate
from broker.attestation.spiffe.bundle_reader import BundleReader
from broker.attestation.spiffe.x509_svid import check_leaf
from broker.attestation.url_reader import Access

_STRONG: Final = "DEFAULT@SECLEVEL=2"
"""OpenSSL's level without SHA-1 and without keys below 112 bits of strength."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SvidAccess(Access):
    """How a server that shows an SVID is reached: by nothing but the bundle and ``check``."""

    authorities: Sequence[x509.Certificate]
    check: Callable[[bytes], None]

    def context(self) -> ssl.SSLContext:
        """Return what judges the server's SVID.

        Raises:
            KeySourceError: there is no authority, so nobody can be trusted.
        """
        return svid_context(self.authorities, self.check)


class SpiffeEndpointSource:
    """The bundle behind an endpoint that authenticates by an SVID of the same trust domain.

    It is trusted by the bundle that was taken last, and before the first by the one in a file. So
    an authority that the bundle has dropped does not come back by way of an old file.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        *,
        endpoint_id: str,
        first: Path,
        reader: BundleReader,
        timeout_ms: int,
    ) -> None:
        self._session = session
        self._url = url
        self._endpoint_id = endpoint_id
        self._first = FileKeySource(first)
        self._reader = reader
        self._timeout_ms = timeout_ms

    async def fetch(self) -> bytes:
        """Fetch the bundle.

        Raises:
            KeySourceError: no answer in time, no right one, or from somebody else.
        """
        access = SvidAccess(authorities=await self._authorities(), check=self._check)
        source = UrlKeySource(self._session, self._url, timeout_ms=self._timeout_ms, access=access)
        return await source.fetch()

    async def _authorities(self) -> Sequence[x509.Certificate]:
        if self._reader.bundle is not None:
            return self._reader.bundle.authorities
        try:
            return self._reader.parse(await self._first.fetch()).authorities
        except UnusableKeySetError as error:
            raise KeySourceError(f"the bundle to begin with: {error}") from error

    def _check(self, der: bytes) -> None:
        try:
            spiffe_id = check_leaf(load_certificate(der))
        except UnfitCertificateError as error:
            raise ssl.CertificateError(str(error)) from None
        if str(spiffe_id) != self._endpoint_id:
            raise ssl.CertificateError("the endpoint bears another SPIFFE ID")


def svid_context(
    authorities: Sequence[x509.Certificate], check: Callable[[bytes], None]
) -> ssl.SSLContext:
    """Make a client's context that takes servers by their SVID.

    OpenSSL verifies the chain up to the authorities; ``check`` gets the leaf, in DER, at the end of
    the handshake, and raises to refuse it.

    Raises:
        KeySourceError: there is no authority, so nobody can be trusted.
    """
    if not authorities:
        raise KeySourceError("the bundle has no X.509 authority to know the endpoint by")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_STRONG)
    # The name in the URL is of no account (§5.2.2.1): who it is stands in the SVID.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(
        cadata=b"".join(each.public_bytes(Encoding.DER) for each in authorities)
    )
    context.sslobject_class = _checked(check)
    return context


def _checked(check: Callable[[bytes], None]) -> type[ssl.SSLObject]:
    class CheckedPeer(ssl.SSLObject):
        """Refuses the peer at the end of the handshake, when nothing has been sent yet."""

        def do_handshake(self) -> None:
            super().do_handshake()
            check(self.getpeercert(binary_form=True) or b"")

    return CheckedPeer
