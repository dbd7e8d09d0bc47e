"""Where a Redis is, read strictly: what the URL cannot say is refused instead of ignored."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

DEFAULT_PORT: Final = 6379
FORMS: Final = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket"


class StoreUrlError(ValueError):
    """The text is no URL of a Redis. ``remedy`` says what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The address in parts. ``path`` is empty for TCP, ``host`` is empty for a unix socket."""

    path: str = ""
    host: str = ""
    port: int = DEFAULT_PORT
    db: int = 0
    is_tls: bool = False


def parse_store_url(url: str) -> StoreUrl:
    """Take a URL apart.

    Raises:
        StoreUrlError: it has another form, or carries what belongs elsewhere. The text of the error
            never repeats the URL, which might hold a password.
    """
    try:
        parts = urlsplit(url)
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError as error:
        raise StoreUrlError("it is not a URL", f"write {FORMS}") from error
    for message, remedy in _complaints(parts):
        raise StoreUrlError(message, remedy)
    if parts.scheme == "unix":
        return StoreUrl(path=unquote(parts.path))
    return StoreUrl(
        host=parts.hostname or "",
        port=port,
        db=int(parts.path.strip("/") or 0),
        is_tls=parts.scheme == "rediss",
    )


def _complaints(parts: SplitResult) -> Iterator[tuple[str, str]]:
    if parts.password is not None:
        yield "it holds a password", "move the password to a file and name that in password_file"
    if parts.username is not None:
        yield "it holds a user name", "move the name to username"
    if parts.query or parts.fragment:
        yield "it holds options", "remove what follows ? or #: the options are keys of this section"
    if parts.scheme == "unix":
        yield from _complaints_unix(parts)
    elif parts.scheme in ("redis", "rediss"):
        yield from _complaints_tcp(parts)
    else:
        yield "its scheme is not known", f"write {FORMS}"


def _complaints_unix(parts: SplitResult) -> Iterator[tuple[str, str]]:
    if parts.netloc or parts.path in ("", "/"):
        yield "it names no socket", "write unix:///path/to/socket, with three slashes"


def _complaints_tcp(parts: SplitResult) -> Iterator[tuple[str, str]]:
    if not parts.hostname or parts.port == 0:
        yield "it names no host, or no port of it", f"write {FORMS}"
    database = parts.path.strip("/")
    if database and not (database.isascii() and database.isdigit() and len(database) <= 4):  # noqa: PLR2004 - databases are few
        yield "its path is not a database number", "write redis://host:6379/0"
