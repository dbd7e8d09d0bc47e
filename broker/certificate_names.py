"""Is the broker's certificate for the address that agents use? TLS refuses any other."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from broker.findings import Line
from broker.settings.settings import Settings

_CHECK: Final = "certificates"


def examine(settings: Settings) -> Iterator[Line]:
    """Compare the names in the certificate of `listen.tls` with the host of `issuer`.

    Nothing is said of a file that cannot be read: what looks at its end does.
    """
    tls = settings.listen.tls
    host = urlsplit(settings.issuer).hostname or ""
    if tls is None or (names := _names(tls.cert_file)) is None:
        return
    if not any(_fits(name, host) for name in names):
        shown = ", ".join(sorted(names)) or "nobody"
        what = f"is for {shown}, and agents call {host}, the host of `issuer`"
        remedy = f"have it issued for {host}, or let `issuer` be the address that agents use"
        yield Line(_CHECK, "warn", what, remedy, f"listen.tls.cert_file: {tls.cert_file}")


def _names(path: Path) -> set[str] | None:
    """Return whom the first certificate of a file is for; None if that cannot be read."""
    try:
        (leaf, *_) = x509.load_pem_x509_certificates(path.read_bytes())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()  # RFC 9525 §2: a common name is no name any more
    except (OSError, ValueError):
        return None
    addresses = names.get_values_for_type(x509.IPAddress)
    return {*names.get_values_for_type(x509.DNSName), *map(str, addresses)}


def _fits(name: str, host: str) -> bool:
    """Tell whether a name stands for a host; ``*`` for one label, the first (RFC 9525 §6.3)."""
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        label, _, rest = host.lower().partition(".")
        wild = name.lower().removeprefix("*.")
        return name.lower() == host.lower() or (
            name.startswith("*.") and bool(label) and rest == wild
        )
