"""How PostgreSQL targets and capabilities are declared. Needs no driver."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from backends.contract import Flaw, Revocable, SelfExpiry, Traits
from backends.templates import unknown_variables

MAX_IDENTIFIER: Final = 63
"""Bytes; PostgreSQL cuts off what is longer, and would mean something else by it."""

TRAITS: Final = Traits(
    revocable=Revocable.AT_ONCE,
    self_expiry=SelfExpiry.NEW_SESSIONS_ONLY,  # VALID UNTIL bounds passwords, no session
    renewable=False,
    shortest_ttl_ms=1_000,
    can_probe=False,
)

Identifier = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"\A[^\x00-\x1f]+\Z",
        description="a name of at most 128 characters in one line",
    ),
]
"""A name in the database, which may hold variables. It is quoted, whatever it is."""

Privilege = Literal["SELECT", "INSERT", "UPDATE", "DELETE", "USAGE", "EXECUTE"]

_ON: Final = {
    "tables": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
    "sequences": frozenset({"SELECT", "UPDATE", "USAGE"}),
    "functions": frozenset({"EXECUTE"}),
}
"""Which privileges each kind of object has, as far as they can be given here."""


class PostgresOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One database, and the role by which the broker works there.

    ``admin`` needs CREATEROLE, and every privilege that it shall give with the right to give it.
    """

    host: str
    """A name, an address, or the folder of a unix socket."""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 5432
    database: Identifier
    admin: Identifier
    password_file: Path | None = None
    """Its first line is the admin's password; read anew for every connection."""
    sslmode: Literal["verify-full", "verify-ca", "disable"] = "verify-full"
    ca_file: Path | None = None
    """The authority to trust for the server's certificate. Default: the system's."""
    agents_host: str = ""
    """The address that agents are told, where it is another one than ours."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        if not self.host or "," in self.host:
            yield Flaw(
                ("host",), "not one host", "name one server: which one answered must be known"
            )
        if self.sslmode == "disable" and not _is_near(self.host):
            yield Flaw(("sslmode",), "passwords would travel in the clear", "write verify-full")
        if self.ca_file is not None and self.sslmode == "disable":
            yield Flaw(("ca_file",), "is for TLS, and sslmode disables it", "remove one of them")
        if self.ca_file is None and self.sslmode == "verify-ca":
            yield Flaw(("sslmode",), "the system trusts too many", "write verify-full, or ca_file")


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some privileges on some objects of one schema; the right to look into it comes with them."""

    privileges: tuple[Privilege, ...]
    schema: Identifier = "public"
    tables: tuple[Identifier, ...] = ()
    sequences: tuple[Identifier, ...] = ()
    functions: tuple[Identifier, ...] = ()

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        if not self.privileges:
            yield Flaw(("privileges",), "empty", "name at least one")
        named = [name for name in _ON if getattr(self, name)]
        if len(named) != 1:
            yield Flaw(
                (), "grants on one kind of object at a time", f"name one of {', '.join(_ON)}"
            )
            return
        for index, privilege in enumerate(self.privileges):
            if privilege not in _ON[named[0]]:
                yield Flaw(("privileges", index), f"{named[0]} have no {privilege}", "remove it")
        for index, name in enumerate(getattr(self, named[0])):
            yield from _variable_flaws(name, named[0], index)
        yield from _variable_flaws(self.schema, "schema")

    @property
    def objects(self) -> tuple[str, tuple[str, ...]]:
        """The kind of object in SQL, and the names."""
        kind = next(name for name in _ON if getattr(self, name))
        return kind[:-1].upper(), getattr(self, kind)


class PostgresTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a credential may do, scope by scope, and how it begins."""

    scopes: dict[str, tuple[Grant, ...]]
    """For each scope of the capability what it gives."""
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    """Run-time parameters at login. Whoever is in may change them: no boundary rests on these."""
    connection_limit: Annotated[int, Meta(ge=1, le=1_000)] = 10
    """Open sessions of one credential. Default 10."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        for name, value in self.settings.items():
            yield from _variable_flaws(value, "settings", name)


def template_flaws(template: PostgresTemplate, scopes: frozenset[str]) -> Iterator[Flaw]:
    """Find scopes that give nothing, and grants that nobody can ask for."""
    for scope in sorted(scopes - template.scopes.keys()):
        yield Flaw(("scopes",), f"does not say what {scope} gives", f"add {scope}")
    for scope in sorted(template.scopes.keys() - scopes):
        remedy = "add it to the capability's scopes, or remove it here"
        yield Flaw(("scopes", scope), "no scope of the capability", remedy)
    for scope, grants in template.scopes.items():
        if not grants:
            yield Flaw(("scopes", scope), "gives nothing", "grant something")


def _variable_flaws(text: str, *path: str | int) -> Iterator[Flaw]:
    for name in unknown_variables(text):
        yield Flaw(path, f"nothing stands for {name}", "see the list of variables")


def _is_near(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
