"""What a server says of a client certificate when it ends the handshake (RFC 8446 §6)."""

import ssl
from collections.abc import Iterator
from typing import Final

_ALERTS: Final = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)
"""As OpenSSL names them. After one of them the server has read no request of the connection."""


def certificate_alert(error: BaseException) -> str:
    """Return which alert about our certificate caused an error; empty when none did."""
    for cause in _causes(error):
        # aiohttp has classes of its own that are SSLErrors and lack what those have.
        reason = getattr(cause, "reason", None) if isinstance(cause, ssl.SSLError) else None
        if reason in _ALERTS:
            return str(reason).partition("ALERT_")[2].lower().replace("_", " ")
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        following = following.__cause__ or following.__context__
