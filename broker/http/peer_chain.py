"""The certificates that the client of a TLS connection has shown."""

import ssl
from typing import Any, Final

_DER: Final = 2
"""``_ssl.ENCODING_DER``."""


def peer_chain(connection: ssl.SSLObject | None) -> tuple[bytes, ...]:
    """Return them in DER, the leaf first; empty without TLS, or when the client showed none.

    Python has a public way to the intermediates since 3.13. Before that the same is asked of the
    object beneath, where 3.11 and 3.12 have it; were it not there, only the leaf would be found,
    and a chain with intermediates would be refused.
    """
    leaf = connection.getpeercert(binary_form=True) if connection is not None else None
    if connection is None or leaf is None:
        return ()
    chain = tuple(map(_der, _sent(connection) or ()))
    return chain if chain and chain[0] == leaf else (leaf,)


def _sent(connection: ssl.SSLObject) -> Any:  # noqa: ANN401  of either Python
    for holder in (connection, getattr(connection, "_sslobj", None)):
        ask = getattr(holder, "get_unverified_chain", None)
        if ask is not None:
            return ask()
    return None


def _der(certificate: Any) -> bytes:  # noqa: ANN401  DER itself, or what 3.12 wraps it in
    return certificate if isinstance(certificate, bytes) else certificate.public_bytes(_DER)
