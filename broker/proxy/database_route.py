"""A declared database: the server and the one database that a credential may log in to."""

import re
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from broker.errors import InvalidRequestError
from broker.proxy.authority import Authority

SCHEME: Final = "postgres"
DEFAULT_PORT: Final = 5432

_DATABASE: Final = re.compile(r"[\x20-\x7e]{1,63}", re.ASCII)


class DatabaseSpec(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A database as it is written in a declaration."""

    need: str
    scheme: Literal["postgres"]
    host: str
    database: str
    port: int = DEFAULT_PORT
    id: str = ""
    sslmode: Literal["verify-full", "verify-ca", "disable", ""] = ""
    local: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseRoute:
    """One server, one database, and the credential that logs in there."""

    id: str
    """By which uses are told."""
    need: str
    authority: Authority
    database: str
    sslmode: str
    """The weakest mode of TLS that will do; empty: as the credential says."""
    local: bool
    """The host may be on this machine or in a private network, and spoken to without TLS."""


def check(spec: DatabaseSpec, at: str) -> None:
    """Check what only a database has.

    Raises:
        InvalidRequestError: ``field`` names the member.
    """
    if _DATABASE.fullmatch(spec.database) is None:
        raise InvalidRequestError(
            "write the name of one database, up to 63 printable characters", field=f"{at}.database"
        )
    if spec.sslmode == "disable" and not spec.local:
        raise InvalidRequestError(
            "a credential goes over TLS; disable only with local: true", field=f"{at}.sslmode"
        )
