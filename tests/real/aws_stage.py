"""Roles, buckets and sessions of one test on a peer, and whether a session may do something."""

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from tests.real.aws_peer import Keys, Peer, document, named, status_of

OBJECT: Final = "data"
MINE: Final = "mine"
OTHER: Final = "other"
NOT_YOURS: Final = {401, 403}
"""What a refused caller is answered,"""

BAD_TOKEN: Final = "InvalidToken"
"""and, with status 400, one whose session token is none."""

Statement = Mapping[str, object]


class Stage:
    """Two buckets with an object each, and roles that are made as a test wants them."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.iam = peer.client("iam")
        self._sts = peer.client("sts")
        self._buckets = {which: named(which) for which in (MINE, OTHER)}
        s3 = peer.client("s3")
        for bucket in self._buckets.values():
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key=OBJECT, Body=b"here")

    def bucket(self, which: str) -> str:
        """Name one of the two buckets."""
        return self._buckets[which]

    def reads(self, *which: str, effect: str = "Allow", **condition: object) -> Statement:
        """Write a statement on reading from buckets: both, if none is named."""
        names = [self._buckets[one] for one in which or (MINE, OTHER)]
        resources = [f"arn:aws:s3:::{name}/*" for name in names]
        said: dict[str, object] = {
            "Effect": effect,
            "Action": "s3:GetObject",
            "Resource": resources,
        }
        return {**said, "Condition": condition} if condition else said

    def trusting(
        self, *also: str, principal: str = "", anybody: bool = False, **condition: object
    ) -> str:
        """Write a trust policy: for the administrator, unless for somebody else.

        ``also``: what else they may when they assume the role, such as ``sts:TagSession``.
        """
        who = "*" if anybody else principal or self.peer.principal
        said: dict[str, object] = {
            "Effect": "Allow",
            "Principal": {"AWS": [who]},
            "Action": ["sts:AssumeRole", *also],
        }
        return document({**said, "Condition": condition} if condition else said)

    def role(self, *statements: Statement, trust: str | None = None, **more: object) -> str:
        """Make a role that may do what is stated; return its name."""
        name = named("role")
        trust = trust or self.trusting()
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)
        self.put(name, "work", *(statements or [self.reads()]))
        return name

    def put(self, role: str, policy: str, *statements: Statement) -> str:
        """Write a policy into a role; return the document."""
        text = document(*statements)
        self.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=text)
        return text

    def arn(self, role: str) -> str:
        """Return a role's ARN."""
        return str(self.iam.get_role(RoleName=role)["Role"]["Arn"])

    def assume(self, role: str, session: str = "task-lease", **more: object) -> Keys:
        """Open a session as the administrator."""
        return Keys.of(self.answer(role, session, **more)["Credentials"])

    def answer(self, role: str, session: str = "task-lease", **more: object) -> dict[str, Any]:
        """Open one, and return all that was answered."""
        said: dict[str, Any] = self._sts.assume_role(
            RoleArn=self.arn(role), RoleSessionName=session, **more
        )
        return said

    def may_read(self, keys: Keys, which: str = MINE) -> bool:
        """Tell whether somebody gets the object of a bucket."""
        s3 = self.peer.client("s3", keys)

        def read() -> None:
            s3.get_object(Bucket=self._buckets[which], Key=OBJECT)["Body"].read()

        return allowed(read)


def allowed(call: Any) -> bool:
    """Tell whether a call is permitted.

    Raises:
        ClientError: it was refused for another reason.
    """
    try:
        call()
    except ClientError as error:
        if status_of(error) in NOT_YOURS or error.response["Error"]["Code"] == BAD_TOKEN:
            return False
        raise
    return True


def taken(call: Any) -> bool:
    """Tell whether a call is carried out, whatever else becomes of it."""
    try:
        call()
    except (ClientError, ResponseParserError):
        return False
    return True
