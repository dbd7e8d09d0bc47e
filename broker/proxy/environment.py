"""What a child's environment must say so that its clients use the proxy and trust the task's CA."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_EMPTIED: Final = ("NO_PROXY", "no_proxy")
"""Set and empty: nothing goes past the proxy, whatever a configuration file says."""

_DROPPED: Final = ("ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy", "SSL_CERT_DIR")
_BUNDLES: Final = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT", "CARGO_HTTP_CAINFO", "DENO_CERT"),
)

_WGETRC: Final = "wgetrc"
"""Beside the bundle: wget takes authorities from a file of settings alone."""

_KNOWN_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep all their authorities in one file."""


def child_environment(
    inherited: Mapping[str, str], *, proxy_url: str, bundle: Path
) -> dict[str, str]:
    """Return an environment with the proxy in it, and no other one.

    Args:
        inherited: what the child would have had.
        proxy_url: the proxy's URL, with the run's word in it.
        bundle: the file that :func:`write_bundle` wrote.
    """
    changed = {name: value for name, value in inherited.items() if name not in _DROPPED}
    changed |= dict.fromkeys(_PROXIES, proxy_url)
    changed |= dict.fromkeys(_EMPTIED, "")
    changed |= dict.fromkeys(_BUNDLES, str(bundle))
    changed["WGETRC"] = str(bundle.with_name(_WGETRC))
    changed["NODE_USE_ENV_PROXY"] = "1"  # Node's own clients look at no proxy otherwise
    return changed


def write_bundle(folder: Path, authority_pem: str) -> Path:
    """Write the system's authorities and the task's into one file, which its owner alone can read.

    Raises:
        OSError: it cannot be written, or there is such a file already.
    """
    file = folder / "ca-bundle.pem"
    _write(file, _system_roots() + authority_pem)
    _write(folder / _WGETRC, f"ca_certificate = {file}\n")
    return file


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:  # noqa: PTH123  a descriptor
        opened.write(text)


def _system_roots() -> str:
    known = [Path(name) for name in _KNOWN_BUNDLES]
    named = ssl.get_default_verify_paths().cafile
    files = [Path(named), *known] if named else known
    file = next((file for file in files if file.is_file()), None)
    return file.read_text(encoding="utf-8", errors="replace") + "\n" if file else _loaded_roots()


def _loaded_roots() -> str:
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(root) for root in roots)
