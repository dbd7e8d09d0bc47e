"""Where an issuer's keys come from, and how old they may be."""

import ipaddress
from collections.abc import Iterator
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
            yield from _url_faults(self.url)
        yield from self._duration_faults()

    def _duration_faults(self) -> Iterator[Fault]:
        bounds = {
            # Twice the cool-down, or a look that is due could fall into it.
            "refresh_seconds": (self.refresh_seconds, 2 * self.cooldown_seconds, 86_400),
            "max_stale_seconds": (self.max_stale_seconds, self.refresh_seconds, 7 * 86_400),
            "cooldown_seconds": (self.cooldown_seconds, 1, 300),
            "timeout_seconds": (self.timeout_seconds, 1, 30),
        }
        for name, (value, least, most) in bounds.items():
            if not least <= value <= most:
                yield Fault((name,), f"{value} is out of bounds", f"give {least} to {most}")


def _url_faults(url: str) -> Iterator[Fault]:
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
