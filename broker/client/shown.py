"""What libraries need of a credential to show it with their requests.

:class:`~broker.client.held.HeldCredential` and its sync twin are such credentials, and those of a
run (:mod:`broker.client.run_credential`).
"""

from collections.abc import Awaitable, Mapping
from typing import Protocol

from broker.secret import Secret

UNAUTHORIZED = 401
"""The answer after which a request is sent once more, if there is another token by then."""


class Shown(Protocol):
    """A credential for programs without an event loop."""

    def headers(self, method: str, url: str) -> dict[str, str]:
        """Return the headers of one request, with a token that is good now."""
        ...

    def heed(self, url: str, headers: Mapping[str, str]) -> bool:
        """Take a DPoP nonce out of an answer; tell whether it is another than before."""
        ...

    def refused(self, authorization: str) -> bool:
        """Learn that a server has refused this header; tell whether there is another one now."""
        ...


class AsyncShown(Protocol):
    """A credential for programs with an event loop."""

    def headers(self, method: str, url: str) -> Awaitable[dict[str, str]]:
        """As :meth:`Shown.headers`."""
        ...

    def heed(self, url: str, headers: Mapping[str, str]) -> bool:
        """As :meth:`Shown.heed`."""
        ...

    def refused(self, authorization: str) -> Awaitable[bool]:
        """As :meth:`Shown.refused`."""
        ...


class Words(Protocol):
    """A credential at a target, for programs without an event loop."""

    def secret(self) -> dict[str, Secret]:
        """Return the current words by name; ask anew for each connection."""
        ...


class AsyncWords(Protocol):
    """A credential at a target, for programs with an event loop."""

    def secret(self) -> Awaitable[dict[str, Secret]]:
        """As :meth:`Words.secret`."""
        ...
