"""Does a role refuse whom its denial names? Found out by trying, with a session of the same name.

Experiment and control: a session that bears the killed one's name must be refused what a session of
a name that nobody ever had may do at that moment. Where both are refused, nothing was shown: the
role may not do it anyway. Both may do the one declared action, for a minute, and nothing else.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from backends.aws_entry import SHORTEST_S, Entry, Wanted
from backends.aws_errors import AnsweredError
from backends.aws_names import SessionAt
from backends.aws_policy import denials
from backends.aws_session import Caller, Clients, Service
from backends.contract import Deadline, Flaw, Place
from backends.errors import BackendError, Trouble

_REFUSED: Final = frozenset({"AccessDenied", "AccessDeniedException"})
_LIFE_MS: Final = 60_000

Bucket = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")]
Key = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9!_.'()/-]{0,512}\Z")]


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One harmless action that the role may do, and by which its denials can be tried."""

    action: Literal["s3:ListBucket", "s3:GetObject"]
    bucket: Bucket
    key: Key = ""
    """Of the object, for ``s3:GetObject``; one byte of it is read."""
    endpoint_url: str = ""
    """Where S3 is, if not where AWS has it."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        if bool(self.key) != (self.action == "s3:GetObject"):
            yield Flaw(("key",), "goes with s3:GetObject", "name an object, or remove it")

    def statement(self, partition: str) -> Mapping[str, Any]:
        """Allow it, and nothing else."""
        path = f"{self.bucket}/{self.key}" if self.key else self.bucket
        resource = f"arn:{partition}:s3:::{path}"
        return {"Effect": "Allow", "Action": self.action, "Resource": resource}

    def call(self) -> tuple[str, dict[str, Any]]:
        """Return the operation, by boto3's name, and its parameters."""
        if self.action == "s3:ListBucket":
            return "list_objects_v2", {"Bucket": self.bucket, "MaxKeys": 1}
        return "get_object", {"Bucket": self.bucket, "Key": self.key, "Range": "bytes=0-0"}


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """All that a role must be told so that it can be taken once more, and what is tried then."""

    probe: Probe
    external_id: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    source_identity: str = ""
    subject: str = ""

    def written(self) -> str:
        """As the ledger has it."""
        return msgspec.json.encode(self).decode()


class Canaries:
    """Sends them."""

    def __init__(
        self, entry: Entry, clients: Clients, s3_url: str, now_ms: Callable[[], int]
    ) -> None:
        self._entry = entry
        self._clients = clients
        self._s3_url = s3_url
        self._now_ms = now_ms

    def is_refused(self, place: Place, deadline: Deadline) -> bool:
        """Tell whether a session of that name is refused what another is not.

        Raises:
            BackendError: it cannot be told.
        """
        try:
            canary = msgspec.json.decode(place.probe, type=Canary)
        except msgspec.MsgspecError:
            raise BackendError(Trouble.UNKNOWN, "nothing is declared by which to try") from None
        at = SessionAt.of(place)
        if not self._may(canary, at, f"control-{secrets.token_hex(12)}", deadline):
            why = "the role may not do what is tried: its refusal would say nothing"
            raise BackendError(Trouble.REFUSED, why)
        return not self._may(canary, at, at.session, deadline)

    def _may(self, canary: Canary, at: SessionAt, name: str, deadline: Deadline) -> bool:
        wanted = Wanted(
            at.role.arn,
            name,
            SHORTEST_S,
            self._policy(canary.probe, at.role.partition),
            tags=canary.tags,
            transitive_tags=canary.transitive_tags,
            source_identity=canary.source_identity,
            external_id=canary.external_id,
            subject=canary.subject,
        )
        session = self._entry.take(wanted, deadline)
        url = canary.probe.endpoint_url or self._s3_url
        operation, parameters = canary.probe.call()
        try:
            self._clients.call(
                Service("s3", url, Caller(session.keys)), operation, parameters, deadline
            )
        except AnsweredError as error:
            if error.code in _REFUSED:
                return False
            raise
        return True

    def _policy(self, probe: Probe, partition: str) -> str:
        statements = [probe.statement(partition), *denials(self._now_ms() + _LIFE_MS)]
        document = {"Version": "2012-10-17", "Statement": statements}
        return json.dumps(document, separators=(",", ":"))
