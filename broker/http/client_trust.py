"""The TLS side of client certificates: who may finish a handshake with one.

A client without a certificate is served all the same. One with a certificate has to hold its key,
and some trust domain's authority has to have signed it; which one, is judged when it is used.
"""

import ssl
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_STRONG = "DEFAULT@SECLEVEL=2"
"""OpenSSL's level without SHA-1 and without keys below 112 bits of strength."""


class ClientTrust:
    """Lets a server's context ask clients for certificates.

    TLS 1.3 only: certificates then cross the wire encrypted. No tickets: a resumed connection would
    not show the client's chain again.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._known: set[bytes] = set()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_ciphers(_STRONG)
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

    def follow(self, authorities: Iterable[x509.Certificate]) -> None:
        """Take in what is new among the authorities; new connections know it at once.

        What has gone stays known here, and vouches for nobody: each use is judged by the bundle.
        """
        for authority in authorities:
            der = authority.public_bytes(Encoding.DER)
            if der not in self._known:
                self._context.load_verify_locations(cadata=der)
                self._known.add(der)
