"""Where a tool comes from, in one spelling: what is not in it is refused, and never mended.

Two forms: the ``https`` address of the server that offers it (an MCP server), and a package URL
with its version (``pkg:npm/acme/search@1.4.2``) of one that runs beside the agent. It is compared
as it is written, so nothing may have a second spelling: no user, no port that goes without saying,
no trailing dot, no dot segments, no escapes, no letters beyond ASCII. An internationalised name
stands as its A-label (``xn--…``), as which people see it, too.
"""

import re
from typing import Final

from broker.errors import InvalidRequestError

MAX_ORIGIN: Final = 512

ORIGIN_PATTERN: Final = (
    r"(?:https://"
    r"(?=[^/:]{1,253}(?:[/:]|$))(?=[a-z0-9.-]*[a-z])"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
    r"(?::(?!443(?:/|$))[1-9][0-9]{0,4})?"
    r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~@+-]+)*/?"
    r"|pkg:[a-z][a-z0-9.+-]{0,31}(?:/(?!\.{1,2}(?:/|@))[A-Za-z0-9._~+-]+){1,8}"
    r"@[A-Za-z0-9][A-Za-z0-9._~+-]{0,127})"
)
DIGEST_PATTERN: Final = r"sha256:[0-9a-f]{64}"

_ORIGIN: Final = re.compile(ORIGIN_PATTERN, re.ASCII)
_DIGEST: Final = re.compile(DIGEST_PATTERN, re.ASCII)
_NUMERIC_END: Final = re.compile(r"https://[^/:]*?(?:^|[./])(?:0x[0-9a-f]*|[0-9]+)(?:[:/]|$)")
_MOST_PORT: Final = 65_535


def is_origin(text: str) -> bool:
    """Tell whether a text is an origin in its one spelling."""
    if len(text) > MAX_ORIGIN or _ORIGIN.fullmatch(text) is None:
        return False
    # A host whose last label is a number is an address to a URL parser (WHATWG §3.5), in many
    # spellings: 127.1, 0x7f.1, 2130706433.
    return _NUMERIC_END.match(text) is None and _port(text) <= _MOST_PORT


def parse_origin(text: str, *, field: str) -> str:
    """Check an origin. The text itself never appears in the error.

    Raises:
        InvalidRequestError: it is none.
    """
    if not is_origin(text):
        raise InvalidRequestError(
            "is not an origin: send https://host[:port][/path] in lower case, without user, query, "
            f"fragment, escapes or dot segments, or pkg:TYPE/NAME@VERSION; at most {MAX_ORIGIN}",
            field=field,
        )
    return text


def parse_digest(text: str, *, field: str) -> str:
    """Check a digest.

    Raises:
        InvalidRequestError: it is none.
    """
    if _DIGEST.fullmatch(text) is None:
        raise InvalidRequestError(
            "is not a digest: send sha256: and 64 digits of a-f 0-9", field=field
        )
    return text


def _port(text: str) -> int:
    found = re.match(r"https://[^/:]*:([0-9]+)", text)
    return int(found[1]) if found else 0
