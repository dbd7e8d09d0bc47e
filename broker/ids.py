"""Names of tasks, leases and the rest.

An id is ``<kind>_<bucket>_<26 characters>``: the kind (``t`` a root task, ``c`` a child task,
``l`` a lease, ``r`` a revocation, ``d`` a decision), the ledger bucket in two hexadecimal digits
(so that the bucket is never recomputed), and 130 random bits in lower-case base 32. Two of them
joined by ``-`` stay within the 64 characters of an AWS role session name. Ids are unguessable but
are never authority (``docs/adr/0003``).
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Final, NewType

from broker.errors import InvalidRequestError

TaskId = NewType("TaskId", str)
LeaseId = NewType("LeaseId", str)
RevocationId = NewType("RevocationId", str)
DecisionId = NewType("DecisionId", str)
FindingId = NewType("FindingId", str)
BreakGlassId = NewType("BreakGlassId", str)

MAX_BUCKETS: Final = 256
"""Two hexadecimal digits."""

MAX_DEPTH: Final = 8
"""A task and its ancestors: the most nodes that one liveness check reads (DESIGN §4)."""

_LENGTH: Final = 26
"""Letters of five bits each: 130 bits."""

_LETTERS: Final = bytes(b"abcdefghijklmnopqrstuvwxyz234567"[byte % 32] for byte in range(256))
"""From a random byte to a letter; 256 is a multiple of 32, so every letter is equally likely."""

_TASK: Final = re.compile(r"[tc]_[0-9a-f]{2}_[a-z2-7]{26}", re.ASCII)
_LEASE: Final = re.compile(r"l_[0-9a-f]{2}_[a-z2-7]{26}", re.ASCII)
_REVOCATION: Final = re.compile(r"r_[0-9a-f]{2}_[a-z2-7]{26}", re.ASCII)
_DECISION: Final = re.compile(r"d_[0-9a-f]{2}_[a-z2-7]{26}", re.ASCII)
_FINDING: Final = re.compile(r"f_[0-9a-f]{2}_[a-z2-7]{26}", re.ASCII)
_GLASS: Final = re.compile(r"g_[0-9a-f]{2}_[a-z2-7]{26}", re.ASCII)


_FORMS: Final = {
    _TASK: "t_… or c_…",
    _LEASE: "l_…",
    _REVOCATION: "r_…",
    _DECISION: "d_…",
    _FINDING: "f_…",
    _GLASS: "g_…",
}


def _parse(pattern: re.Pattern[str], text: str, field: str) -> str:
    if pattern.fullmatch(text) is None:
        raise InvalidRequestError(
            f"not a well-formed id: send a whole {_FORMS[pattern]} as it was given", field=field
        )
    return text


def parse_task_id(text: str, *, field: str = "task") -> TaskId:
    """Check the form of a task id.

    Raises:
        InvalidRequestError: the text is no task id.
    """
    return TaskId(_parse(_TASK, text, field))


def parse_lease_id(text: str, *, field: str = "credential") -> LeaseId:
    """Check the form of a lease id.

    Raises:
        InvalidRequestError: the text is no lease id.
    """
    return LeaseId(_parse(_LEASE, text, field))


def parse_revocation_id(text: str, *, field: str = "revocation") -> RevocationId:
    """Check the form of a revocation id.

    Raises:
        InvalidRequestError: the text is no revocation id.
    """
    return RevocationId(_parse(_REVOCATION, text, field))


def parse_decision_id(text: str, *, field: str = "decision") -> DecisionId:
    """Check the form of a decision id.

    Raises:
        InvalidRequestError: the text is no decision id.
    """
    return DecisionId(_parse(_DECISION, text, field))


def parse_finding_id(text: str, *, field: str = "finding") -> FindingId:
    """Check the form of a finding's id.

    Raises:
        InvalidRequestError: the text is none.
    """
    return FindingId(_parse(_FINDING, text, field))


def parse_glass_id(text: str, *, field: str = "break-glass") -> BreakGlassId:
    """Check the form of a break-glass id.

    Raises:
        InvalidRequestError: the text is no break-glass id.
    """
    return BreakGlassId(_parse(_GLASS, text, field))


def bucket_of(any_id: str) -> int:
    """Return the ledger bucket that an id (already parsed) carries."""
    return int(any_id[2:4], 16)


def is_root(task: TaskId) -> bool:
    """Tell whether the task has no parent."""
    return task[0] == "t"


def jti(lease: LeaseId, generation: int) -> str:
    """Name one token of a lease: the lease id itself, then ``.2``, ``.3`` … for renewals."""
    return lease if generation == 1 else f"{lease}.{generation}"


def lease_of(token_id: str) -> LeaseId:
    """Return the lease whose token this is.

    Raises:
        InvalidRequestError: the text is no ``jti`` of ours.
    """
    return parse_lease_id(token_id.partition(".")[0], field="jti")


class IdFactory:
    """Makes ids. Randomness is injected so that a test can replay a run."""

    def __init__(
        self,
        buckets: int,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._buckets = buckets
        self._random_bytes = random_bytes

    def any_bucket(self) -> int:
        """Pick a bucket."""
        return int.from_bytes(self._random_bytes(2), "big") % self._buckets

    def root_task(self) -> TaskId:
        """Name a new root task, in a random bucket."""
        return TaskId(self._make("t", self.any_bucket()))

    def root_task_for(self, scope: str) -> TaskId:
        """Name a new root task in the bucket that follows from an idempotency scope (DESIGN §4)."""
        return TaskId(self._make("t", self.bucket_for(scope)))

    def bucket_for(self, scope: str) -> int:
        """Return the bucket that follows from an idempotency scope."""
        digest = hashlib.sha256(scope.encode()).digest()
        return int.from_bytes(digest[:2], "big") % self._buckets

    def child_task(self, parent: TaskId) -> TaskId:
        """Name a new child: it lives in its parent's bucket."""
        return TaskId(self._make("c", bucket_of(parent)))

    def lease(self, task: TaskId) -> LeaseId:
        """Name a new lease: it lives in its task's bucket."""
        return LeaseId(self._make("l", bucket_of(task)))

    def revocation(self, bucket: int) -> RevocationId:
        """Name an operator's revocation."""
        return RevocationId(self._make("r", bucket))

    def decision(self, bucket: int) -> DecisionId:
        """Name one decision of policy."""
        return DecisionId(self._make("d", bucket))

    def break_glass(self, task: TaskId) -> BreakGlassId:
        """Name one opening of the glass, in the bucket of its task."""
        return BreakGlassId(self._make("g", bucket_of(task)))

    def operation(self) -> str:
        """Name one state change, so that repeating it is harmless."""
        return self._random()

    def claim_handle(self) -> str:
        """Make the one-time secret by which an instance claims a task."""
        return self._random()

    def _make(self, kind: str, bucket: int) -> str:
        return f"{kind}_{bucket:02x}_{self._random()}"

    def _random(self) -> str:
        return self._random_bytes(_LENGTH).translate(_LETTERS).decode()
