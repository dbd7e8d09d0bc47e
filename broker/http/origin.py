"""From where an agent asks, as far as its evidence or its connection says it; for the detectors.

Claims count first (those that the issuer's declaration lets through), for a signature stands behind
them; else the network that the request came from, never a single address.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final

CLAIMS: Final = ("country", "region", "zone")
"""Claims that name a place, from the one that is told first on."""

_PLACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
_WIDTH: Final = {4: 24, 6: 48}


def origin_of(claims: Mapping[str, str | int | bool], address: str) -> str:
    """Name the place: ``country:NL``, ``net:192.0.2.0/24``; empty where nothing says it."""
    for name in CLAIMS:
        value = claims.get(name)
        if isinstance(value, str) and _PLACE.fullmatch(value):
            return f"{name}:{value}"
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if found.is_loopback:
        return ""
    return f"net:{ip_network((found.packed, _WIDTH[found.version]), strict=False)}"
