"""Which URLs keys and their metadata may be fetched from: one rule, whoever names the URL."""

import ipaddress
from urllib.parse import urlsplit

_FORM = "give https://host/path"


def url_fault(url: str) -> tuple[str, str] | None:
    """Tell what is wrong with a URL and what to do about it; ``None`` when keys may come from it.

    Only https, and http from loopback addresses: keys fetched without TLS can be replaced by
    anybody on the way.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL", _FORM
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        return "is no URL", _FORM
    if not host or parts.username is not None or "#" in url:
        return "lacks a host, or has a user or a fragment", _FORM
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)):
        return None
    return (
        "keys fetched without TLS can be replaced by anybody on the way",
        "use https (http is taken for loopback addresses only)",
    )


def is_loopback(url: str) -> bool:
    """Tell whether the host that a URL names is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_public(url: str) -> bool:
    """Tell whether a URL names a host that is not this machine nor its link (C8).

    A name is looked at when it is resolved.
    """
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return not is_loopback(url)
    return not _is_local(address)


def _is_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or is_never_dialled(address)


def is_never_dialled(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether no key set can be there: link-local (cloud metadata), multicast, nowhere."""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_link_local or address.is_multicast or address.is_unspecified


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port, to compare where two URLs lead."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port
