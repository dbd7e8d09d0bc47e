"""Which servers a credential is for: named one by one, compared whole, never by a pattern."""

import ipaddress
import re
from typing import Final

from broker.shapes.given import UnfitError

_HOST: Final = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_USUAL: Final = {"https": 443, "http": 80}


def normal(host: str, scheme: str = "https") -> str:
    """Write ``NAME`` or ``NAME:PORT`` in the one way: small letters, no usual port.

    Raises:
        UnfitError: it is none.
    """
    match = _HOST.fullmatch(host)
    if match is None or not 0 < int(match["port"] or 1) <= 65_535:  # noqa: PLR2004 - 16 bits
        raise UnfitError(f"{host[:80]!r} is no host: write NAME or NAME:PORT")
    port = int(match["port"] or _USUAL.get(scheme, 0))
    name = match["name"].lower()
    return name if port == _USUAL.get(scheme, 0) else f"{name}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether a host (with or without a port) is this machine by its very name."""
    match = _HOST.fullmatch(host)
    name = match["name"].strip("[]").lower() if match else ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
