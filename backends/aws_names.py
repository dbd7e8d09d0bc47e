"""Names in AWS: roles, sessions, and where a session is found again.

A session is called ``<task>-<lease>``. Both are unguessable, of one length, and have neither hyphen
nor colon. So the pattern ``*:<task>-*`` on ``aws:userid`` (``<role id>:<session name>``) is true of
every session of that task, and of no other.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Self

from msgspec import Meta

from backends.contract import Place, Wish
from backends.errors import BackendError, NotMintedError, Trouble

SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
"""STS API Reference, AssumeRole, RoleSessionName and SourceIdentity."""

_ROLE: Final = (
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}|):role/"
    r"(?P<path>(?:[\x21-\x29\x2b-\x2e\x30-\x3e\x40-\x7e]+/)*)(?P<name>[\w+=,.@-]{1,64})"
)
_ROLE_ARN: Final = re.compile(_ROLE, re.ASCII)
_ASSUMED: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sts::(?P<account>[0-9]{12}|):assumed-role/"
    r"(?P<role>[\w+=,.@/-]+)/(?P<session>[\w+=,.@-]+)",
    re.ASCII,
)

RoleArn = Annotated[str, Meta(pattern=rf"\A{_ROLE}\Z", max_length=2_048)]
"""``arn:aws:iam::123456789012:role/path/name``."""


@dataclass(frozen=True, slots=True)
class Role:
    """One role of one account; ``account`` is empty where a server has none."""

    arn: str
    partition: str
    account: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> Self:
        """Take an ARN apart.

        Raises:
            ValueError: it is none of a role.
        """
        found = _ROLE_ARN.fullmatch(arn)
        if found is None:
            raise ValueError("not the ARN of a role")
        return cls(arn, found["partition"], found["account"], found["name"])


@dataclass(frozen=True, slots=True)
class Assumed:
    """Who a session is, by STS's own word."""

    partition: str
    account: str
    role: str
    session: str

    @classmethod
    def parse(cls, arn: str) -> Self | None:
        """Take an ARN apart; None if it is none of a session."""
        found = _ASSUMED.fullmatch(arn)
        if found is None:
            return None
        role = found["role"].rpartition("/")[2]
        return cls(found["partition"], found["account"], role, found["session"])


def identity_of(partition: str, account: str) -> str:
    """Tell an account from all others."""
    return f"{partition}:{account}"


def session_name(wish: Wish) -> str:
    """Name the session of a wish.

    Raises:
        NotMintedError: STS does not take such a name.
    """
    name = f"{wish.task}-{wish.lease}"
    if SESSION_NAME.fullmatch(name) is None:
        raise NotMintedError(Trouble.REFUSED, "the names of task and lease make no session name")
    return name


def sessions_of_task(session: str) -> str:
    """Return the pattern for ``aws:userid`` that is true of a session's task, and of no other."""
    return f"*:{session.partition('-')[0]}-*"


@dataclass(frozen=True, slots=True)
class SessionAt:
    """A session and its role: what a locator says (``<role's ARN>/<session's name>``)."""

    role: Role
    session: str

    @property
    def locator(self) -> str:
        """As the ledger has it."""
        return f"{self.role.arn}/{self.session}"

    @classmethod
    def of(cls, place: Place) -> Self:
        """Read a locator.

        Raises:
            BackendError: it is none of this kind.
        """
        arn, _, session = place.locator.rpartition("/")
        try:
            return cls(Role.parse(arn), session)
        except ValueError:
            raise BackendError(Trouble.UNKNOWN, "the locator names no session") from None
