"""What the trial on an account makes, tries and removes; all of it bears one name."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from backends.aws_bootstrap import plan, wanted_of
from backends.aws_bootstrap_access import Access, iam_of
from backends.aws_bootstrap_account import State, look
from backends.aws_denied import AwsDenied
from backends.aws_policy import Statement
from backends.aws_shapes import Ambient, AwsOptions, DenyWriter
from backends.aws_template import AwsTemplate
from backends.contract import Deadline, Place, Surroundings, Wish
from backends.deny_lists import Desired
from backends.errors import BackendError
from broker.clock import SystemClock
from broker.ids import IdFactory
from tests.real.aws_peer import document

CLOCK: Final = SystemClock()
IDS: Final = IdFactory(16)
OBJECT: Final = "trial"
REFUSED: Final = {401, 403}
LIFE_MS: Final = 600_000
PAUSE_S: Final = 0.25
STEADY: Final = 20
"""So many refusals in a row make a death: some servers of AWS may know of it before others."""


@cache
def _session(profile: str | None) -> Any:
    """Return what has read AWS's service descriptions: a new one takes longer than a call."""
    return boto3.session.Session(profile_name=profile)


class TrialError(Exception):
    """Something was not as the broker promises, or could not be tried."""


@dataclass(frozen=True)
class Where:
    """An account, and where its services are if they are not AWS's."""

    account: str
    region: str
    profile: str | None
    sts_url: str
    iam_url: str
    s3_url: str
    patience_s: float
    short_s: int
    """How long a lease is that is shorter than any session of STS."""

    def client(self, service: str, words: dict[str, str] | None = None) -> Any:
        """Return a client, with the caller's keys or those of a session."""
        url = {"sts": self.sts_url, "iam": self.iam_url, "s3": self.s3_url}[service]
        session = _session(None if words else self.profile)
        keys = words and {
            "aws_access_key_id": words["access_key_id"],
            "aws_secret_access_key": words["secret_access_key"],
            "aws_session_token": words["session_token"],
        }
        config = Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"})
        return session.client(
            service,
            region_name=self.region,
            endpoint_url=url or None,
            config=config,
            **(keys or {}),
        )


class Trial:
    """What is made, tried and removed. ``name`` is what everything is called."""

    def __init__(self, where: Where, principal: str, name: str) -> None:
        self._where = where
        self.short_s = where.short_s
        self._name = name
        self._principal = principal
        arn = f"arn:aws:iam::{where.account}:role/{name}"
        self._options = AwsOptions(
            account=where.account,
            region=where.region,
            endpoint_url=where.sts_url,
            ambient=Ambient(profile=where.profile),
            kill="deny",
            deny_writer=DenyWriter(role_arn=f"{arn}-writer", endpoint_url=where.iam_url),
        )
        resource = f"arn:aws:s3:::{name}/*"
        read = Statement(effect="Allow", action="s3:GetObject", resource=resource)
        self._template = AwsTemplate(role_arn=arn, scopes={"read": (read,)})
        self._backend = AwsDenied(self._options, Surroundings(lambda: "trial", _no_token))
        self._iam = where.client("iam")
        self._s3 = where.client("s3")

    def prepare(self) -> None:
        """Make bucket, object and, as ``broker aws bootstrap`` does, roles and boundary."""
        here = {"CreateBucketConfiguration": {"LocationConstraint": self._where.region}}
        self._s3.create_bucket(
            Bucket=self._name, **(here if self._where.region != "us-east-1" else {})
        )
        self._s3.put_object(Bucket=self._name, Key=OBJECT, Body=b"here")
        wanted = wanted_of(
            self._options,
            {"trial": (["trial"], self._template)},
            issuer="https://no-tokens.invalid",
            principal=self._principal,
            boundary=self._name,
        )
        access = Access(self._where.profile, self._where.iam_url)
        for step in look(iam_of(self._options, access), plan(wanted)):
            if step.state is State.CONFLICT:
                raise TrialError(f"{step.what}: {step.why}")
            if step.mend is not None:
                self._patiently(step.mend)
        may = {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{self._name}/*",
        }
        self._iam.put_role_policy(
            RoleName=self._name, PolicyName="work", PolicyDocument=document(may)
        )

    def _patiently(self, call: Callable[[], object]) -> object:
        """Call again while IAM has not told all its servers of what was made."""
        ends = time.monotonic() + self._where.patience_s
        while True:
            try:
                return call()
            except BackendError as error:
                if time.monotonic() > ends:
                    raise TrialError(f"{error.trouble}: {error}") from error
            time.sleep(PAUSE_S)

    def wish(self, task: str) -> Wish:
        """Ask for a session of a task."""
        return Wish(
            lease=IDS.lease(task),
            task=task,
            tenant="trial",
            agent="trial",
            capability="trial",
            on_behalf_of="",
            scopes=("read",),
            template=self._template,
        )

    def mint(self, wish: Wish, life_ms: int = LIFE_MS) -> tuple[Place, dict[str, str]]:
        """Open a session that is served."""
        place = self._backend.locate(wish, _deadline())

        def once() -> dict[str, str]:
            made = self._backend.mint(wish, place, CLOCK.now_ms() + life_ms, _deadline())
            return dict(made.words)

        return place, once()

    def served(self) -> tuple[Place, dict[str, str]]:
        """Open a session of a new task, once the role is known everywhere."""
        ends = time.monotonic() + self._where.patience_s
        while True:
            try:
                place, words = self.mint(self.wish(IDS.root_task()))
                if self.may(words):
                    return place, words
            except BackendError:
                if time.monotonic() > ends:
                    raise
            if time.monotonic() > ends:
                raise TrialError("the role's sessions are not served")
            time.sleep(1.0)

    def may(self, words: dict[str, str]) -> bool:
        """Tell whether a session gets the object."""
        try:
            self._where.client("s3", words).get_object(Bucket=self._name, Key=OBJECT)["Body"].read()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in REFUSED:
                return False
            raise
        return True

    def kill(self, place: Place) -> float:
        """Have a session's task refused; return the instant at which the denial was read back."""
        ban = self._backend.ban_of(place)
        wanted = Desired(entries=frozenset({ban.task}), mark="trial")
        shown: list[bool] = []

        def publish() -> None:
            shown.append(self._backend.publish(ban.at, wanted, _deadline()).is_as(wanted))

        self._patiently(publish)
        if not shown[-1]:
            raise TrialError("the denial, read back, is not the one that was written")
        return time.monotonic()

    def until_refused(self, killed: dict[str, str], control: dict[str, str], since: float) -> float:
        """Wait until a session is refused for good; return for how long it was served."""
        ends, last_served, refusals = since + self._where.patience_s, since, 0
        while refusals < STEADY:
            if not self.may(control):
                raise TrialError("the other task's session is refused too")
            if not self.may(killed):
                refusals += 1
            elif time.monotonic() > ends:
                raise TrialError(f"it is still served after {self._where.patience_s} s")
            else:
                last_served, refusals = time.monotonic(), 0
            time.sleep(PAUSE_S)
        return last_served - since

    def remove(self) -> list[str]:
        """Remove what was made; return what could not be removed."""
        left = []
        for what, call in self._removals():
            try:
                call()
            except (ClientError, BotoCoreError) as error:
                if not _is_gone(error):
                    left.append(f"{what}: {error}")
        return left

    def _removals(self) -> Iterator[tuple[str, Callable[[], object]]]:
        bucket, arn = (
            {"Bucket": self._name},
            f"arn:aws:iam::{self._where.account}:policy/{self._name}",
        )
        yield "object", lambda: self._s3.delete_object(**bucket, Key=OBJECT)
        yield "bucket", lambda: self._s3.delete_bucket(**bucket)
        for role in (self._name, f"{self._name}-writer"):
            yield f"policies of {role}", lambda role=role: self._empty(role)
            yield f"role {role}", lambda role=role: self._iam.delete_role(RoleName=role)
        yield f"policy {arn}", lambda: self._iam.delete_policy(PolicyArn=arn)

    def _empty(self, role: str) -> None:
        for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]:
            self._iam.delete_role_policy(RoleName=role, PolicyName=name)
        if role == self._name:
            self._iam.delete_role_permissions_boundary(RoleName=role)


def _deadline() -> Deadline:
    return Deadline(CLOCK.monotonic_ms() + 60_000, CLOCK.monotonic_ms)


def _no_token(*_: object, **__: object) -> str:
    raise TrialError("nobody asks for a token here")


def _is_gone(error: Exception) -> bool:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return code in {"NoSuchEntity", "NoSuchBucket", "NoSuchKey"}
