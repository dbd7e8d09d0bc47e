"""The backend of AWS sessions on a peer: a role there, two tenants' objects, and a way between."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from backends.aws_policy import Statement
from backends.aws_shapes import Ambient, AwsOptions
from backends.aws_sts import AwsSts, kind
from backends.aws_template import AwsTemplate
from backends.contract import Surroundings, Wish
from broker.secret import Secret
from tests.real.aws_peer import REGION, Keys, Peer, named
from tests.real.aws_stage import Stage, allowed
from tests.real.lossy_proxy import LossyProxy


def no_token(*_: object) -> str:
    """Sign nothing: this way in needs no token."""
    raise AssertionError


SURROUNDINGS = Surroundings(lambda: "", no_token)


def keys_of(words: Mapping[str, str]) -> Keys:
    """Take the keys out of what was delivered."""
    secret, token = Secret(words["secret_access_key"]), Secret(words["session_token"])
    return Keys(words["access_key_id"], secret, token)


class AwsLab:
    """Tenants acme and other have an object each; the role reads both."""

    def __init__(self, peer: Peer, proxy: LossyProxy, **changes: Any) -> None:
        self.peer = peer
        self._proxy = proxy
        self.stage = Stage(peer)
        self.bucket = named("orders")
        s3 = peer.client("s3")
        s3.create_bucket(Bucket=self.bucket)
        for key in ("acme/1", "other/1", "*/1"):
            s3.put_object(Bucket=self.bucket, Key=key, Body=b"here")
        self.role = self.stage.arn(self.stage.role(self.on("s3:GetObject")))
        self.backend: AwsSts = kind.open(self.options(**changes), SURROUNDINGS)

    def options(self, **changes: Any) -> AwsOptions:
        """Describe the peer to a backend."""
        given = {
            "account": self.peer.account,
            "region": REGION,
            "endpoint_url": f"http://127.0.0.1:{self._proxy.port}",
            "ambient": Ambient(),
        }
        return AwsOptions(**{**given, **changes})

    def on(self, action: str, key: str = "*") -> dict[str, str]:
        """Write a statement on objects of the bucket, for a role."""
        return {
            "Effect": "Allow",
            "Action": action,
            "Resource": f"arn:aws:s3:::{self.bucket}/{key}",
        }

    def template(self, **changes: Any) -> AwsTemplate:
        """Give a session its tenant's objects."""
        read = Statement(
            effect="Allow",
            action="s3:GetObject",
            resource=f"arn:aws:s3:::{self.bucket}/${{tenant}}/*",
        )
        return AwsTemplate(**{"role_arn": self.role, "scopes": {"read": (read,)}, **changes})

    def wish(self, number: int, **changes: Any) -> Wish:
        """Ask for reading."""
        given = {
            "lease": f"l_00_{number:026d}",
            "task": "t_00_" + "a" * 26,
            "tenant": "acme",
            "agent": "invoice-bot",
            "capability": "order-files",
            "on_behalf_of": "",
            "scopes": ("read",),
            "template": self.template(),
        }
        return Wish(**{**given, **changes})

    def may(self, words: Mapping[str, str], key: str = "acme/1", action: str = "get") -> bool:
        """Do something with an object, with what was delivered."""
        s3 = self.peer.client("s3", keys_of(words))
        where = {"Bucket": self.bucket, "Key": key}
        if action == "get":
            return allowed(lambda: s3.get_object(**where))
        return allowed(lambda: s3.put_object(**where, Body=b"changed"))

    def is_let_in(self, words: Mapping[str, str]) -> bool:
        """Read one's own."""
        return self.may(words)

    def until_refused(self, words: Mapping[str, str]) -> None:
        """Use it until it is refused; the test's own patience ends it otherwise."""
        while self.may(words):
            time.sleep(0.2)

    def enter(self, words: Mapping[str, str]) -> None:
        """Say that there is nothing to stay in: each request is judged by itself."""

    @contextlib.contextmanager
    def losing_replies(self) -> Iterator[None]:
        """Lose what STS answers."""
        with self._proxy.losing_after(b"Action=AssumeRole"):
            yield


@contextlib.contextmanager
def open_lab(peer: Peer, **changes: Any) -> Iterator[AwsLab]:
    """Make a lab, with the administrator's keys where boto3 finds them (set by the test)."""
    with LossyProxy(urlsplit(peer.sts_url).port or 80) as proxy:
        lab = AwsLab(peer, proxy, **changes)
        try:
            yield lab
        finally:
            lab.backend.close()
