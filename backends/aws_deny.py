"""Reads and writes, in the roles of an account, whose sessions they refuse.

The writer is somebody of its own, with a session whose policy allows these four operations and no
other. IAM says of itself that it is eventually consistent: what is read back is what it will obey.
"""

import logging
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from backends import aws_deny_document as documents
from backends.aws_deny_document import Found
from backends.aws_entry import SHORTEST_S, OwnSession, Wanted, ambient_caller, direct_entry
from backends.aws_errors import EXPIRED, AnsweredError
from backends.aws_names import Role
from backends.aws_session import Caller, Clients, Service
from backends.aws_shapes import AwsOptions, DenyWriter
from backends.contract import Deadline, Surroundings
from backends.deny_lists import Desired, Standing
from backends.errors import BackendError, NotMintedError, Trouble

_SESSION: Final = "jit-broker-deny"
_MAY_WRITE: Final = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:GetRolePolicy",'
    '"iam:PutRolePolicy","iam:DeleteRolePolicy","iam:ListRolePolicies"],"Resource":"*"}]}'
)
"""All that the writer's session may do, whatever its role may."""

_MARK: Final = 48
"""Characters of a mark, at most."""

_KEPT_MS: Final = 60_000
"""How long it is believed what others' inline policies in a role take."""

_PAGES: Final = 100

_log = logging.getLogger(__name__)

Parameters = Mapping[str, Any]


class Iam(Protocol):
    """Calls operations of IAM."""

    def __call__(self, operation: str, parameters: Parameters, deadline: Deadline) -> Parameters:
        """Call one, by boto3's name for it.

        Raises:
            NotMintedError: for certain nothing was done.
            BackendError: something may have been done.
        """
        ...


class AsSomebody:
    """IAM, called by whoever boto3 finds."""

    def __init__(self, clients: Clients, service: Service) -> None:
        self._clients = clients
        self._service = service

    def __call__(self, operation: str, parameters: Parameters, deadline: Deadline) -> Parameters:
        """Call an operation."""
        return self._clients.call(self._service, operation, parameters, deadline)


class AsRole:
    """IAM, called by a role of the broker's own. A session that has ended is followed, once."""

    def __init__(self, clients: Clients, url: str, own: OwnSession) -> None:
        self._clients = clients
        self._url = url
        self._own = own

    def __call__(self, operation: str, parameters: Parameters, deadline: Deadline) -> Parameters:
        """Call an operation."""
        own = self._own.fresh(deadline, None)
        try:
            return self._as(Caller(own.keys))(operation, parameters, deadline)
        except AnsweredError as error:
            if error.code not in EXPIRED:
                raise
        own = self._own.fresh(deadline, own)
        return self._as(Caller(own.keys))(operation, parameters, deadline)

    def _as(self, caller: Caller) -> AsSomebody:
        return AsSomebody(self._clients, Service("iam", self._url, caller))


def writer_of(
    options: AwsOptions, surroundings: Surroundings, clients: Clients, now_ms: Callable[[], int]
) -> Iam:
    """Make what the options declare. ``clients`` are STS's; IAM's have a region of their own."""
    writer, url = options.deny_writer or DenyWriter(), options.iam_url
    own = Clients(options.iam_region, str(options.ca_file) if options.ca_file else None)
    if writer.role_arn is None:
        return AsSomebody(own, Service("iam", url, ambient_caller(options)))
    wanted = Wanted(
        writer.role_arn,
        _SESSION,
        SHORTEST_S,
        _MAY_WRITE,
        external_id=writer.external_id or "",
        subject=writer.subject,
    )
    entry = direct_entry(options, surroundings, clients)
    return AsRole(own, url, OwnSession(entry, wanted, now_ms))


class DenyDocuments:
    """The broker's own inline policy in each role. A list is named by its role's ARN."""

    def __init__(self, iam: Iam, writer: DenyWriter, now_ms: Callable[[], int]) -> None:
        self._iam = iam
        self._policy = writer.policy_name
        self._most = writer.max_characters - documents.frame(_MARK)
        self._now_ms = now_ms
        self._others: dict[str, tuple[int, int]] = {}

    def read(self, at: str, deadline: Deadline) -> Standing:
        """Read what stands in a role.

        Raises:
            BackendError: nobody knows; or there is no such role.
        """
        found, now_ms = self._found(at, deadline)
        return Standing(
            entries=frozenset(found.entries),
            issued_before_ms=found.issued_before_ms,
            mark=found.mark,
            is_whole=found.is_whole,
            room=max(0, self._most - self._taken_by_others(at, deadline)),
            target_now_ms=now_ms,
        )

    def publish(self, at: str, desired: Desired, deadline: Deadline) -> Standing:
        """Write what must stand in a role, and read it back.

        Raises:
            BackendError: nobody knows what stands there.
        """
        try:
            self._write(at, desired, deadline)
        except NotMintedError:
            self._others.pop(at, None)  # perhaps others have taken what room there was
            raise
        except BackendError as error:
            _log.warning("what became of writing into %s is not known: %s", at, error)
        return self.read(at, deadline)

    def _write(self, at: str, desired: Desired, deadline: Deadline) -> None:
        deadline.require()
        where = {"RoleName": Role.parse(at).name, "PolicyName": self._policy}
        if not desired.is_empty:
            document = documents.written(desired)
            self._iam("put_role_policy", {**where, "PolicyDocument": document}, deadline)
            return
        try:
            self._iam("delete_role_policy", where, deadline)
        except AnsweredError:
            if self._policy in self._names(at, deadline):
                raise

    def _found(self, at: str, deadline: Deadline) -> tuple[Found, int]:
        """Return what the document says, and what time it is there; 0: it did not say."""
        where = {"RoleName": Role.parse(at).name, "PolicyName": self._policy}
        try:
            answer = self._iam("get_role_policy", where, deadline)
        except AnsweredError:
            # Not every server has a word of its own for what is not there. And if it is the role
            # that is not, its policies cannot be listed either.
            if self._policy in self._names(at, deadline):
                raise
            return Found(), 0
        return documents.read(answer.get("PolicyDocument")), _time_of(answer)

    def _taken_by_others(self, at: str, deadline: Deadline) -> int:
        until_ms, taken = self._others.get(at, (0, 0))
        if until_ms < self._now_ms():
            others = [name for name in self._names(at, deadline) if name != self._policy]
            taken = sum(self._size(at, name, deadline) for name in others)
            self._others[at] = (self._now_ms() + _KEPT_MS, taken)
        return taken

    def _names(self, at: str, deadline: Deadline) -> list[str]:
        names: list[str] = []
        parameters: dict[str, Any] = {"RoleName": Role.parse(at).name}
        for _ in range(_PAGES):
            answer = self._iam("list_role_policies", parameters, deadline)
            names += answer.get("PolicyNames", [])
            if not answer.get("IsTruncated"):
                return names
            parameters["Marker"] = answer.get("Marker")
        raise BackendError(Trouble.GARBLED, "a list of policies without an end")

    def _size(self, at: str, name: str, deadline: Deadline) -> int:
        where = {"RoleName": Role.parse(at).name, "PolicyName": name}
        return documents.size_of(self._iam("get_role_policy", where, deadline)["PolicyDocument"])


def _time_of(answer: Parameters) -> int:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
    except (ValueError, TypeError):
        return 0
