"""The URL that a proof is for, compared as RFC 9449 §4.3 says: after syntax and scheme rules."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

_PORTS: Final = {"https": 443, "http": 80}


def same_target(claimed: str, actual: str) -> bool:
    """Tell whether ``htu`` names this URL: scheme and host without case, default ports left out.

    ``actual`` is put together from configuration, never from ``Host``. ``claimed`` with a query or
    a fragment names nothing (§4.2), and paths are compared letter by letter.
    """
    if "?" in claimed or "#" in claimed or not claimed.isascii() or not claimed.isprintable():
        return False
    try:
        return _parts(urlsplit(claimed)) == _parts(urlsplit(actual))
    except ValueError:
        return False


def _parts(url: SplitResult) -> tuple[str, str, int, str]:
    """Return scheme, host, port, path.

    Raises:
        ValueError: it has a user, no host, or is no http URL.
    """
    if url.scheme not in _PORTS or not url.hostname or "@" in url.netloc:
        raise ValueError("not an http URL of a host")
    port = _PORTS[url.scheme] if url.port is None else url.port
    return url.scheme, url.hostname, port, url.path or "/"
