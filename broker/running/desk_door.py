"""Who may speak to the desk: whoever was given this run's token, and names the desk itself.

* The token is compared in constant time, raw or behind ``Bearer`` (AWS's tools send it raw).
* The ``Host`` must be the desk's own address: a page in a browser that has had its name resolved to
  this machine (DNS rebinding) sends its own.
* A request with an ``Origin`` comes out of a browser, and nothing of the run is in one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Door:
    """The desk's token, and the port that it listens on."""

    token: Secret
    port: int

    def is_for_us(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the request was sent to this desk by a program."""
        host = headers.get("Host", "")
        return host in self._hosts() and "Origin" not in headers

    def is_known(self, authorization: str) -> bool:
        """Tell whether the token is the run's."""
        given = authorization
        scheme, space, rest = authorization.partition(" ")
        if space and scheme.lower() == "bearer":
            given = rest
        return given.isascii() and self.token.matches(given)

    def _hosts(self) -> tuple[str, str]:
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"
