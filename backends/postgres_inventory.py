"""Which roles are a ledger's: a comment on the role says so, and a listing reads it.

- ``COMMENT ON ROLE`` is part of the transaction that makes the role: no role without its mark.
- Only a superuser or a role with CREATEROLE may write it; a credential's own role has neither.
- Comments on roles belong to the cluster and may be read by everybody, so no superuser is needed.
- Roles belong to the cluster, a target is one database: the mark names the database, for only there
  can a role be dropped together with its rights.
"""

from typing import Final

from psycopg import sql

from backends.contract import Sighting
from backends.inventory import LISTED, Found, Listing
from backends.postgres_session import Session, Statement

PREFIX: Final = "jit_"

_MARK: Final = "jit-broker"
_FROM, _BELOW = PREFIX, PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)
"""All names that begin with the prefix lie between these, as names are ordered (collation "C")."""

_LIST: Final = sql.SQL(
    "SELECT rolname, rolcanlogin, coalesce(shobj_description(oid, 'pg_authid'), '')"
    " FROM pg_roles WHERE rolname >= %s::name AND rolname < %s::name AND rolname > %s::name"
    " ORDER BY rolname LIMIT %s"
)


def marking(role: sql.Identifier, epoch: str, database: str) -> Statement:
    """Mark a role as a ledger's, and as made for one database."""
    text = sql.Literal(f"{_MARK} {epoch} {database}")
    return sql.SQL("COMMENT ON ROLE {} IS {}").format(role, text)


def listing(session: Session, after: str, database: str) -> Listing:
    """List a page of the roles that bear the prefix, but for those of another database.

    Raises:
        BackendError: it cannot be read.
    """
    identity = session.identity()
    rows = session.run(_LIST, [_FROM, _BELOW, after, LISTED])
    found = (_found(role, may, comment, database) for role, may, comment in rows)
    return Listing(
        identity,
        tuple(each for each in found if each is not None),
        after=rows[-1][0] if len(rows) == LISTED else "",
    )


def _found(role: str, may_log_in: bool, comment: str, database: str) -> Found | None:  # noqa: FBT001 - a row
    epoch, of = _read_mark(comment)
    if epoch and of != database:
        return None
    return Found(
        locator=role,
        lease=role.removeprefix(PREFIX),
        epoch=epoch,
        sighting=Sighting.ALIVE if may_log_in else Sighting.DISABLED,
    )


def _read_mark(comment: str) -> tuple[str, str]:
    """Return epoch and database; two empty texts where the comment is none of ours."""
    mark, _, rest = comment.partition(" ")
    epoch, _, database = rest.partition(" ")
    return (epoch, database) if mark == _MARK and epoch and database else ("", "")
