"""Roles in PostgreSQL: a role of its own for every credential, with what its scopes give.

- Minting is one transaction: without its COMMIT there is nothing. Its session bears the role's
  name, so that killing finds it, wherever it is. The role is marked in it as the ledger's.
- Killing: end mints under way; no login any more; end every session, old ones included; take over
  what it owns; drop the role. A role that cannot be dropped yet can do nothing any more.
- ``VALID UNTIL`` bounds logins by password, not sessions: ``self_expiry`` says so.
- The server sees a verifier of the password, never the password, not even in its log.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec
from psycopg import sql

from backends.contract import (
    Deadline,
    Death,
    Flaw,
    Minted,
    Place,
    Sighting,
    Surroundings,
    Traits,
    Wish,
)
from backends.errors import BackendError, NotMintedError, Trouble
from backends.inventory import Listing
from backends.postgres_inventory import PREFIX, listing, marking
from backends.postgres_session import Session, Statement
from backends.postgres_shapes import (
    MAX_IDENTIFIER,
    TRAITS,
    Grant,
    PostgresOptions,
    PostgresTemplate,
)
from backends.postgres_shapes import template_flaws as flaws_of
from backends.templates import filled

_PASSWORD_BYTES: Final = 32
_EXISTS: Final = "42710"  # duplicate_object
_STILL_NEEDED: Final = "2BP01"  # dependent_objects_still_exist

_FIND: Final = sql.SQL("SELECT oid, rolcanlogin FROM pg_roles WHERE rolname = %s")
_MINTS: Final = sql.SQL(  # ours only: anybody may call a session whatever it likes
    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
    " WHERE application_name = %s AND usename = current_user"
)
_SESSIONS: Final = sql.SQL(
    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usesysid = %s"
)


class PostgresKind:
    """PostgreSQL as a kind of credential."""

    name = "postgres"
    traits = TRAITS
    options: type[msgspec.Struct] = PostgresOptions
    template: type[msgspec.Struct] = PostgresTemplate

    def template_flaws(self, template: msgspec.Struct, scopes: frozenset[str]) -> Iterator[Flaw]:
        """Find what a template lacks for the scopes of its capability."""
        if isinstance(template, PostgresTemplate):
            yield from flaws_of(template, scopes)

    def open(self, options: msgspec.Struct, surroundings: Surroundings) -> "Postgres":
        """Make the backend of a database. Connects to nothing."""
        if not isinstance(options, PostgresOptions):
            raise TypeError("options of another kind")
        return Postgres(options, surroundings.epoch)


class Postgres:
    """One database."""

    traits: Traits = TRAITS

    def __init__(
        self,
        options: PostgresOptions,
        epoch: Callable[[], str],
        random_text: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._options = options
        self._epoch = epoch
        self._random_text = random_text
        self._lock = threading.Lock()
        self._identity = ""

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Name the role after its lease, whose name nobody can guess; ask the target who it is."""
        role = PREFIX + wish.lease
        if len(role.encode()) > MAX_IDENTIFIER:
            raise NotMintedError(Trouble.REFUSED, "the name of a role would be too long")
        with self._lock:
            known = self._identity
        return Place(locator=role, identity=known or self._ask_identity(deadline))

    def _ask_identity(self, deadline: Deadline) -> str:
        with Session(self._options, "jit-locate", deadline) as session:
            found = session.identity()
        with self._lock:
            self._identity = found
        return found

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        """Make the role, in one transaction."""
        password = self._random_text(_PASSWORD_BYTES)
        session = Session(self._options, _mint_name(place), deadline)
        is_committing = False
        try:
            with session:
                session.require_identity(place.identity)
                verifier = _verifier(session, password, place.locator)
                role = sql.Identifier(place.locator)
                for statement in _minting(wish, role, expires_at_ms, verifier):
                    session.run(statement)
                session.run(marking(role, self._epoch(), self._options.database))
                is_committing = True
                session.commit()
        except BackendError as error:
            self._forget_identity()
            is_unknown = is_committing and error.trouble is not Trouble.REFUSED
            if is_unknown or _EXISTS in str(error):
                raise
            raise NotMintedError(error.trouble, str(error)) from None
        return Minted(self._words(place, password))

    def _forget_identity(self) -> None:
        """Ask again who it is: another server may answer there now."""
        with self._lock:
            self._identity = ""

    def _words(self, place: Place, password: str) -> dict[str, str]:
        options = self._options
        return {
            "host": options.agents_host or options.host,
            "port": str(options.port),
            "database": options.database,
            "username": place.locator,
            "password": password,
            "sslmode": options.sslmode,
        }

    def renew(
        self,
        wish: Wish,  # noqa: ARG002 - the contract's
        place: Place,  # noqa: ARG002
        expires_at_ms: int,  # noqa: ARG002
        deadline: Deadline,  # noqa: ARG002
    ) -> Minted:
        """Refuse: roles are not prolonged."""
        raise BackendError(Trouble.REFUSED, "roles are not prolonged")

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        """Kill the role, its sessions, and a mint of it that is under way."""
        with Session(self._options, "jit-revoke", deadline) as session:
            session.connection.autocommit = True
            session.require_identity(place.identity)
            _end_all(session, _MINTS, _mint_name(place))
            found = session.run(_FIND, [place.locator])
            if not found:
                return Death.ABSENT
            role, oid = sql.Identifier(place.locator), found[0][0]
            session.run(sql.SQL("ALTER ROLE {} NOLOGIN CONNECTION LIMIT 0").format(role))
            session.run(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
            _end_all(session, _SESSIONS, oid)
            _drop(session, role)
            _end_all(session, _SESSIONS, oid)  # who was at the door when it closed
        return Death.GONE

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:
        """Say what is there."""
        with Session(self._options, "jit-look-up", deadline) as session:
            session.require_identity(place.identity)
            found = session.run(_FIND, [place.locator])
        if not found:
            return Sighting.ABSENT
        return Sighting.ALIVE if found[0][1] else Sighting.DISABLED

    @property
    def unrecorded_ms(self) -> int:
        """Nothing is made before the ledger has its name."""
        return 0

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        """List roles that bear our prefix: this database's, and those that nobody has marked."""
        with Session(self._options, "jit-inventory", deadline) as session:
            return listing(session, after, self._options.database)

    def probe(self, place: Place, deadline: Deadline) -> bool:  # noqa: ARG002 - the contract's
        """Refuse: without its password nobody can try."""
        raise BackendError(Trouble.REFUSED, "nobody can try without its password")

    def close(self) -> None:
        """Hold nothing: each call has a connection of its own."""


def _mint_name(place: Place) -> str:
    """Name the session of a mint, so that killing finds it (63 bytes at most)."""
    return f"jit-mint:{place.locator}"


def _verifier(session: Session, password: str, role: str) -> str:
    """Return what the server stores, computed here (RFC 5803)."""
    made: bytes = session.connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    return made.decode()


def _minting(
    wish: Wish, role: sql.Identifier, expires_at_ms: int, verifier: str
) -> Iterator[Statement]:
    template = wish.template
    if not isinstance(template, PostgresTemplate):
        raise NotMintedError(Trouble.REFUSED, "a template of another kind")
    yield sql.SQL(
        "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        " PASSWORD {} VALID UNTIL {} CONNECTION LIMIT {}"
    ).format(
        role,
        sql.Literal(verifier),
        sql.Literal(_instant(expires_at_ms)),
        sql.Literal(template.connection_limit),
    )
    for scope in wish.scopes:
        for grant in template.scopes.get(scope, ()):
            yield from _granting(grant, wish, role)
    for name, value in template.settings.items():
        setting = sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))
        text = sql.Literal(filled(value, wish))
        yield sql.SQL("ALTER ROLE {} SET {} = {}").format(role, setting, text)


def _granting(grant: Grant, wish: Wish, role: sql.Identifier) -> Iterator[Statement]:
    kind, names = grant.objects
    schema = _identifier(grant.schema, wish)
    yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role)
    yield sql.SQL("GRANT {} ON {} {} TO {}").format(
        sql.SQL(", ").join(sql.SQL(privilege) for privilege in grant.privileges),
        sql.SQL("ROUTINE" if kind == "FUNCTION" else "SEQUENCE" if kind == "SEQUENCE" else "TABLE"),
        sql.SQL(", ").join(
            sql.SQL("{}.{}").format(schema, _identifier(name, wish)) for name in names
        ),
        role,
    )


def _identifier(text: str, wish: Wish) -> sql.Identifier:
    name = filled(text, wish)
    if not name or "\0" in name or len(name.encode()) > MAX_IDENTIFIER:
        raise NotMintedError(Trouble.REFUSED, "a name in the template is too long once filled in")
    return sql.Identifier(name)


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def _end_all(session: Session, statement: Statement, whose: object) -> None:
    """End sessions until there are none.

    Raises:
        BackendError: some did not end before the deadline.
    """
    while session.run(statement, [whose]):
        pass  # each round waits up to a second for each of them


def _drop(session: Session, role: sql.Identifier) -> None:
    """Drop the role; what it has made in this database is the admin's from now on.

    What it owns in another database keeps it there, without login, sessions or rights here.
    """
    try:
        session.run(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
        session.run(sql.SQL("DROP OWNED BY {}").format(role))
        session.run(sql.SQL("DROP ROLE {}").format(role))
    except BackendError as error:
        if _STILL_NEEDED not in str(error):
            raise


kind: Final = PostgresKind()
"""What ``pyproject.toml`` offers as an entry point."""
