"""How the routes of ``docs/api.md`` are written: paths from parsed ids, bodies, queries, keys.

Ids are parsed before they become part of a path; a malformed one raises
:class:`broker.errors.InvalidRequestError` before anything is sent.
"""

import re
import secrets
from typing import Final

from broker.errors import InvalidRequestError
from broker.ids import (
    parse_decision_id,
    parse_glass_id,
    parse_lease_id,
    parse_revocation_id,
    parse_task_id,
)

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_KIND: Final = re.compile(r"[a-z]{1,16}", re.ASCII)
_THING: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/#+@-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def task_path(task: str, *rest: str) -> tuple[str, ...]:
    """Return the path of a task, or of something below it."""
    return ("v1", "tasks", parse_task_id(task), *rest)


def credential_path(credential: str, *rest: str) -> tuple[str, ...]:
    """Return the path of a credential, or of something below it."""
    return ("v1", "credentials", parse_lease_id(credential), *rest)


def revocation_path(revocation: str, *rest: str) -> tuple[str, ...]:
    """Return the path of a revocation, or of something below it."""
    return ("v1", "revocations", parse_revocation_id(revocation), *rest)


def glass_path(glass: str, *rest: str) -> tuple[str, ...]:
    """Return the path of an emergency, or of something below it."""
    return ("v1", "break-glass", parse_glass_id(glass), *rest)


def selection_path(digest: str, *rest: str) -> tuple[str, ...]:
    """Return the path of a set, or of something below it."""
    if _DIGEST.fullmatch(digest) is None:
        raise InvalidRequestError("not the digest of a set: 64 characters 0-9 a-f", field="set")
    return ("v1", "selections", digest, *rest)


def agent_path(name: str) -> tuple[str, ...]:
    """Return the path of a registered agent."""
    if _THING.fullmatch(name) is None:
        raise InvalidRequestError(
            "not an agent's name: 1 to 128 of A-Z a-z 0-9 . _ - / # + @, the first a letter or "
            "digit",
            field="agent",
        )
    return ("v1", "agents", name)


def thing_path(ref: str, tenant: str) -> tuple[str, ...]:
    """Return the path of a thing: ``ticket:T-1`` of a tenant."""
    kind, colon, name = ref.partition(":")
    if not colon or _KIND.fullmatch(kind) is None or _THING.fullmatch(name) is None:
        raise InvalidRequestError("not a thing: write KIND:NAME, as in ticket:T-1", field="ref")
    if _WORD.fullmatch(tenant) is None:
        raise InvalidRequestError("not a tenant's name", field="tenant")
    return ("v1", "facts", "things", kind, tenant, name)


def history_path(revision: int, *rest: str) -> tuple[str, ...]:
    """Return the path of a revision of the facts, or of something below it."""
    return ("v1", "facts", "history", str(revision), *rest)


def decision_path(decision: str) -> tuple[str, ...]:
    """Return the path of a decision."""
    return ("v1", "decisions", parse_decision_id(decision))


def body(**members: object) -> dict[str, object]:
    """Return a body without what was not given, so that the broker's own defaults apply."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def query(**members: str) -> dict[str, str]:
    """Return a query without what was not given."""
    return {name: value for name, value in members.items() if value}


def page(cursor: str, limit: int | None) -> dict[str, str]:
    """Return the query of one page of a list."""
    return query(cursor=cursor, limit="" if limit is None else str(limit))


def new_idempotency_key() -> str:
    """Make a key that nobody else will make."""
    return secrets.token_urlsafe(24)
