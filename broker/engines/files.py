"""The files by which a server is believed and a broker shows itself: read again when they change.

Certificates and tokens are replaced while a broker runs. Their state is looked at before each
question, which costs microseconds; connections are kept as long as nothing changed.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import hdrs

from broker.secret import Secret
from broker.settings.policy import PolicySettings

_MAX_TOKEN: Final = 16 * 1024

_State = tuple[tuple[int, int, int], ...]


class Files:
    """What the settings name, as it is now."""

    def __init__(self, settings: PolicySettings) -> None:
        self._ca_file = settings.ca_file
        self._cert_file, self._key_file = settings.cert_file, settings.key_file
        self._token_file = settings.token_file
        self._context: tuple[_State, ssl.SSLContext] | None = None
        self._token: tuple[_State, Secret] | None = None

    def context(self) -> ssl.SSLContext:
        """Return what judges the server's certificate and shows ours.

        Raises:
            OSError: a file is missing, unreadable, or does not hold what it should.
        """
        state = _state(self._ca_file, self._cert_file, self._key_file)
        if self._context is None or self._context[0] != state:
            self._context = state, self._made()
        return self._context[1]

    def headers(self) -> Mapping[str, str]:
        """Return the header that shows the token, if there is one.

        Raises:
            OSError: the file is missing, unreadable or holds no token.
        """
        if self._token_file is None:
            return {}
        state = _state(self._token_file)
        if self._token is None or self._token[0] != state:
            self._token = state, _token(self._token_file)
        return {hdrs.AUTHORIZATION: f"Bearer {self._token[1].reveal()}"}

    def _made(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._ca_file)
        if self._cert_file is not None:
            context.load_cert_chain(self._cert_file, self._key_file)
        return context


def _state(*files: Path | None) -> _State:
    stats = [file.stat() for file in files if file is not None]
    return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)


def _token(file: Path) -> Secret:
    with file.open("rb") as opened:
        text = opened.read(_MAX_TOKEN + 1).strip().decode("ascii", "replace")
    if not 0 < len(text) <= _MAX_TOKEN or not text.isprintable() or not text.isascii():
        raise OSError(0, "holds no token", str(file))
    return Secret(text)
