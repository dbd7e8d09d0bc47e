"""How the relay says no: an error of PostgreSQL's own, which every client shows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from broker.proxy.postgres.messages import ERROR, Message, text
from broker.proxy.problem import RefusedError

_OTHER: Final = "08004"
"""The server rejected the connection: what is not told more closely."""

_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "malformed": "08P01",
        "bad-answer": "08P01",
        "not-this-run": "28P01",
        "credential-not-held": "28000",
        "credential-unfit": "28000",
        "credential-ended": "57P01",
        "not-declared": "3D000",
        "beyond-lease": "28000",
        "replication": "0A000",
        "too-many": "53300",
        "unreachable": "08001",
        "unresolved": "08001",
        "untrusted-server": "08001",
        "forbidden-address": "08001",
        "no-encryption": "08001",
        "weak-login": "08001",
    }
)
"""SQLSTATE (manual, appendix A) by the code under which the use is told."""

_HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not-this-run": "Use the login that the run gave: PGUSER and PGPASSWORD, or PGPASSFILE.",
        "credential-not-held": "broker run says why; try again when it says that it has another.",
        "credential-ended": "Connect again: the next session has the credential that is held then.",
        "credential-unfit": "Name a need with a username and a password in --proxy.",
        "not-declared": "Connect to the database that the route in --proxy declares.",
        "beyond-lease": "Ask for a capability without a reach, or have its reach removed.",
        "too-many": "Close connections that are not used.",
        "forbidden-address": "Write local: true in the route for a server in a private network.",
        "untrusted-server": "Name the authority of the server's certificate: --upstream-ca.",
        "no-encryption": "Let the server offer TLS. Only routes with local: true do without.",
        "weak-login": "Let the server ask for scram-sha-256 in its pg_hba.conf.",
    }
)


def error_message(error: RefusedError) -> bytes:
    """Write a refusal; it echoes nothing of what was said."""
    problem = error.problem
    fields = {
        "S": "FATAL",
        "V": "FATAL",
        "C": _STATES.get(problem.code, _OTHER),
        "M": f"jit-broker: {problem.detail}",
        "H": _HINTS.get(problem.code, ""),
    }
    told = b"".join(name.encode() + text(value) for name, value in fields.items() if value)
    return Message(ERROR, told + b"\0").render()


def ended() -> RefusedError:
    """Say that a session is cut."""
    return RefusedError(
        503, "credential-ended", "the credential of this session has ended, and the session with it"
    )


class ServerRefusedError(Exception):
    """The server itself does not let us in."""

    def __init__(self, message: Message) -> None:
        super().__init__("the server says no")
        self.message = message
        """What it says."""


def weak(detail: str) -> RefusedError:
    """Refuse a server that asks for the password in a way in which others could hear it."""
    return RefusedError(502, "weak-login", detail)
