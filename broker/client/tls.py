"""How connections are made: whom to believe, and which certificate to show.

* A certificate, and the authorities, may rotate at any time: before each request they are looked
  at, and what is new is used for the next connection. A pair that does not fit together, as in the
  middle of a rotation, does not replace one that did.
* A key is handed to the TLS library in memory; it is never written to a disk.
"""

import logging
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.client.certificate_errors import (
    AuthoritiesUnfitError,
    CertificateGoneError,
    CertificateSourceError,
    CertificateUnfitError,
)
from broker.client.key_pair import CertificateSource, KeyPair

_NO_QUESTION: Final = ""
"""Without a password, OpenSSL would ask for one on the terminal."""

_KEPT: Final = 4
"""Contexts that are kept for credentials that are bound to a certificate that has rotated since."""

_LOG: Final = logging.getLogger(__name__)


class Tls:
    """Makes TLS contexts. One for all clients of a process that show the same certificate."""

    def __init__(
        self, *, certificate: CertificateSource | None = None, ca_file: Path | None = None
    ) -> None:
        """Fix where everything comes from; nothing is read yet.

        Args:
            certificate: what to show: :func:`certificate_files`, :func:`workload_api_certificate`.
            ca_file: the only authorities to believe, in PEM; by default those of the machine. It
                may hold several: the broker's and those of resource servers.
        """
        self._source = certificate
        self._ca_file = ca_file
        self._trust: bytes | None = None
        self._digest = b""
        self._thumbprint = ""
        self._made: dict[str, ssl.SSLContext] = {}

    @property
    def shows_certificate(self) -> bool:
        """Tell whether connections show a certificate."""
        return self._source is not None

    async def context(self) -> ssl.SSLContext:
        """Return what to connect with now (aiohttp: ``session.get(url, ssl=…)``).

        Raises:
            CertificateSourceError: a file or the source failed; the subclass says how.
        """
        try:
            await self._look()
        except (CertificateUnfitError, AuthoritiesUnfitError) as error:
            if not self._made:
                raise
            _LOG.warning("what was there before is used on: %s", error)
        return self._made[self._thumbprint]

    async def context_of(self, thumbprint: str) -> ssl.SSLContext:
        """Return what to connect with to show one certificate, also after another came.

        Raises:
            CertificateGoneError: it is not here, or not any more.
            CertificateSourceError: as :meth:`context`.
        """
        await self.context()
        if not thumbprint or thumbprint not in self._made:
            raise CertificateGoneError("the credential is bound to a certificate that is not here")
        return self._made[thumbprint]

    async def _look(self) -> None:
        pair = None if self._source is None else await _ask(self._source)
        trust = None if self._ca_file is None else _read_trust(self._ca_file)
        digest = b"" if pair is None else pair.digest
        if not self._made or (trust, digest) != (self._trust, self._digest):
            self._make(trust, pair)
            self._trust, self._digest = trust, digest

    def _make(self, trust: bytes | None, pair: KeyPair | None) -> None:
        context = _believing(trust)
        thumbprint = "" if pair is None else pair.thumbprint
        if pair is not None:
            _show(context, pair)
        self._made.pop(thumbprint, None)
        self._made[thumbprint] = context
        self._thumbprint = thumbprint
        while len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]


async def _ask(source: CertificateSource) -> KeyPair:
    try:
        return await source()
    except CertificateSourceError:  # one of ours, which says more
        raise
    except Exception as error:  # the source is not ours and may raise anything
        text = f"the certificate's source failed: {type(error).__name__}"
        raise CertificateSourceError(text) from error


def _read_trust(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise AuthoritiesUnfitError(f"{file} cannot be read: {error.strerror}") from None


def _believing(trust: bytes | None) -> ssl.SSLContext:
    if trust is None:
        return ssl.create_default_context()
    if not trust:  # for ``ssl`` that would be everybody whom the machine believes
        raise AuthoritiesUnfitError("the file of authorities is empty")
    try:
        return ssl.create_default_context(cadata=trust.decode("ascii", "replace"))
    except ssl.SSLError as error:
        raise AuthoritiesUnfitError(f"no authorities in PEM: {error.reason}") from None


def _show(context: ssl.SSLContext, pair: KeyPair) -> None:
    try:
        with _in_memory(f"{pair.chain}\n{pair.key.reveal()}\n".encode()) as path:
            context.load_cert_chain(path, password=_NO_QUESTION)
    except ssl.SSLError as error:
        reason = error.reason or "not PEM"
        raise CertificateUnfitError(f"certificate and key do not fit: {reason}") from None


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """Give bytes a path for a moment: ``ssl`` reads certificates from files only.

    Where the machine has no files in memory it is one that only we may read, gone at once.
    """
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
