"""What stands in for AWS in tests: three services, an administrator, and clients."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from broker.secret import Secret

REGION: Final = "us-east-1"
_ANSWER_S: Final = 60.0
"""A starved machine answers late; that says nothing of the peer."""

Service = Literal["sts", "iam", "s3"]


@dataclass(frozen=True)
class Keys:
    """An access key; with a token those of a session."""

    access_key: str
    secret: Secret
    token: Secret | None = None

    @classmethod
    def of(cls, credentials: Mapping[str, str]) -> "Keys":
        """Take them from the ``Credentials`` of an answer of STS."""
        token = Secret(credentials["SessionToken"])
        return cls(credentials["AccessKeyId"], Secret(credentials["SecretAccessKey"]), token)


@dataclass(frozen=True)
class Peer:
    """One running peer. It is shared by all tests of a session: use names of your own."""

    name: str
    sts_url: str
    iam_url: str
    s3_url: str
    account: str
    admin: Keys
    """May everything."""

    principal: str
    """The ARN of the administrator, as a trust policy names it."""

    pids: tuple[int, ...]
    """Its processes."""

    def client(self, service: Service, keys: Keys | None = None) -> Any:
        """Return boto3's client, as the administrator or with other keys. It does not try again."""
        keys = keys or self.admin
        return _session().client(
            service,
            region_name=REGION,
            endpoint_url={"sts": self.sts_url, "iam": self.iam_url, "s3": self.s3_url}[service],
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret.reveal(),
            aws_session_token=keys.token and keys.token.reveal(),
            config=Config(
                connect_timeout=_ANSWER_S,
                read_timeout=_ANSWER_S,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                proxies={},
                # What is too short or too long is the peer's to say.
                parameter_validation=False,
            ),
        )


@cache
def _session() -> Any:
    """Return what has read AWS's service descriptions, which takes most of a client's time."""
    return boto3.session.Session()


def document(*statements: Mapping[str, object]) -> str:
    """Write a policy without a blank: radosgw takes no other."""
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return json.dumps(policy, separators=(",", ":"))


def named(prefix: str) -> str:
    """Make a name that nobody else uses."""
    return f"{prefix}-{secrets.token_hex(4)}"


def status_of(error: ClientError) -> int:
    """Return the HTTP status: the one thing that all peers say of an error."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
