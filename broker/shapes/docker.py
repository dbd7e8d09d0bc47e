"""What Docker says to a credential helper, and takes from it (docker-credential-helpers).

Everything goes over standard input and output, errors too: Docker shows what a helper that failed
has written there. One text of them it knows: then it goes on without a login.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

from broker.shapes import hosts
from broker.shapes.given import Given, UnfitError

NOT_FOUND: Final = "credentials not found in native keychain"
"""The text by which Docker knows that there is no login for a registry, and goes on without."""

NO_SERVER: Final = "no credentials server URL"
"""The text for a registry that was not named."""

STORES_NOTHING: Final = "jit-broker stores nothing: credentials come from the task"

MOST_BYTES: Final = 65_536

_URL: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[^/\s]+)(?P<path>/\S*)?", re.ASCII | re.IGNORECASE
)


def registry(said: bytes) -> str:
    """Read which registry is meant: a host, or a URL of one.

    Raises:
        UnfitError: none was named, or something else.
    """
    if len(said) > MOST_BYTES:
        raise UnfitError(f"more than {MOST_BYTES} bytes where a registry should be named")
    try:
        text = said.decode("ascii").strip()
    except UnicodeDecodeError:
        raise UnfitError("a registry is named in ASCII") from None
    if not text:
        raise UnfitError(NO_SERVER)
    match = _URL.fullmatch(text)
    if match is None:
        raise UnfitError("that is no registry: name its host")
    return hosts.normal(match["host"], (match["scheme"] or "https").lower())


def is_plain(said: bytes) -> bool:
    """Tell whether the registry was named by a URL without TLS."""
    return said.strip().lower().startswith(b"http://")


def answer(given: Given, said: bytes, *, username: str = "", word: str = "") -> str:
    """Write a login.

    Raises:
        UnfitError: the credential is none.
    """
    name, secret = given.login(username=username, word=word)
    server = said.decode("ascii").strip()
    return json.dumps({"ServerURL": server, "Username": name, "Secret": secret.reveal()})


def listing(registries: Iterable[str], username: str) -> str:
    """Write for which registries there are logins; none is issued for that."""
    return json.dumps(dict.fromkeys(sorted(registries), username))
