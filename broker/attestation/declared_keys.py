"""Where an issuer's keys come from, and how old they may be."""

import ipaddress
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import msgspec

from broker.settings.fault import Fault


class KeysDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of keys, a ``url`` or a ``file``.

    A key that the source no longer has is refused after ``refresh_seconds``; while the source does
    not answer the last good set serves for ``max_stale_seconds``, then nothing does. Tokens that
    name an unknown key cause at most one look per ``cooldown_seconds``.
    """

    url: str = ""
    file: str = ""
    refresh_seconds: int = 300
    max_stale_seconds: int = 3600
    cooldown_seconds: int = 10
    timeout_seconds: int = 3

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        if bool(self.url) == bool(self.file):
            yield Fault((), "names both or neither of url and file", "give exactly one of them")
        if self.url:
            yield from url_faults(self.url)
        yield from duration_faults(self)


class Durations(Protocol):
    """How a source of keys is looked at."""

    @property
    def refresh_seconds(self) -> int:
        """How soon it is looked at again."""
        ...

    @property
    def max_stale_seconds(self) -> int:
        """How long the last good answer serves."""
        ...

    @property
    def cooldown_seconds(self) -> int:
        """The pause between two looks."""
        ...

    @property
    def timeout_seconds(self) -> int:
        """How long one look may take."""
        ...


def duration_faults(declared: Durations) -> Iterator[Fault]:
    """Yield which durations are out of bounds."""
    refresh, cooldown = declared.refresh_seconds, declared.cooldown_seconds
    bounds = {
        # Twice the cool-down, or a look that is due could fall into it.
        "refresh_seconds": (refresh, 2 * cooldown, 86_400),
        "max_stale_seconds": (declared.max_stale_seconds, refresh, 7 * 86_400),
        "cooldown_seconds": (cooldown, 1, 300),
        "timeout_seconds": (declared.timeout_seconds, 1, 30),
    }
    for name, (value, least, most) in bounds.items():
        if not least <= value <= most:
            yield Fault((name,), f"{value} is out of bounds", f"give {least} to {most}")


def url_faults(url: str) -> Iterator[Fault]:
    """Yield what keeps a URL from being one that keys may come from."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        yield Fault(("url",), "is no URL", "give https://host/path")
        return
    if not host or parts.username is not None or parts.fragment:
        yield Fault(("url",), "lacks a host, or has a user or a fragment", "give https://host/path")
    elif not _is_protected(parts, host):
        yield Fault(
            ("url",),
            "keys fetched without TLS can be replaced by anybody on the way",
            "use https (http is taken for loopback addresses only)",
        )


def _is_protected(parts: SplitResult, host: str) -> bool:
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
