"""The broker's own backend on a peer of AWS: roles, sessions and their denials, past no broker."""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from backends.aws_canary import Probe
from backends.aws_denied import AwsDenied
from backends.aws_policy import Statement
from backends.aws_shapes import Ambient, AwsOptions, DenyWriter
from backends.aws_template import AwsTemplate
from backends.contract import Deadline, Place, Surroundings, Wish
from broker.clock import SystemClock
from broker.ids import IdFactory
from broker.secret import Secret
from tests.real.aws_peer import REGION, Keys, Peer
from tests.real.aws_stage import MINE, Stage

CLOCK: Final = SystemClock()
IDS: Final = IdFactory(16)
_COUNT: Final = itertools.count(1)


def options_of(peer: Peer, **changes: Any) -> AwsOptions:
    """Declare a peer as an account whose sessions are denied."""
    return AwsOptions(
        **{
            "account": peer.account,
            "region": REGION,
            "endpoint_url": peer.sts_url,
            "ambient": Ambient(),
            "kill": "deny",
            "deny_writer": DenyWriter(endpoint_url=peer.iam_url),
            **changes,
        }
    )


def enter_as(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 find the administrator of a peer, and nobody else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", peer.admin.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", peer.admin.secret.reveal())
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def _no_token(*_: object, **__: object) -> str:
    raise AssertionError("nobody asks for a token here")


class AwsYard:
    """A backend, and a stage to try on what it does."""

    def __init__(self, stage: Stage, **changes: Any) -> None:
        self.stage = stage
        options = options_of(stage.peer, **changes)
        self.backend = AwsDenied(options, Surroundings(lambda: "epoch", _no_token))

    def deadline(self, seconds: float = 60.0) -> Deadline:
        """Give a call so much time."""
        now_ms: Callable[[], int] = CLOCK.monotonic_ms
        return Deadline(now_ms() + int(seconds * 1000), now_ms)

    def wish(self, role: str, task: str = "", *, is_probed: bool = True) -> Wish:
        """Ask for a session that reads both buckets."""
        task = task or IDS.root_task()
        names = [self.stage.bucket(which) for which in (MINE, "other")]
        read = Statement(
            effect="Allow",
            action="s3:GetObject",
            resource=tuple(f"arn:aws:s3:::{n}/*" for n in names),
        )
        probe = Probe(
            action="s3:GetObject", bucket=names[0], key="data", endpoint_url=self.stage.peer.s3_url
        )
        template = AwsTemplate(
            role_arn=self.stage.arn(role),
            scopes={"read": (read,)},
            probe=probe if is_probed else None,
        )
        return Wish(
            lease=IDS.lease(IDS.root_task()),
            task=task,
            tenant="acme",
            agent="bot",
            capability="files",
            on_behalf_of="",
            scopes=("read",),
            template=template,
        )

    def session(self, wish: Wish) -> tuple[Place, Keys]:
        """Mint one."""
        place = self.backend.locate(wish, self.deadline())
        made = self.backend.mint(wish, place, CLOCK.now_ms() + 600_000, self.deadline())
        return place, keys_of(made.words)

    def settled(self, question: Callable[[], bool]) -> bool:
        """Ask until the answer is yes, for some seconds: what a peer changes takes a moment."""
        ends = time.monotonic() + 5
        while not question():
            if time.monotonic() > ends:
                return False
            time.sleep(0.2)
        return True


def keys_of(words: Mapping[str, str]) -> Keys:
    """Read what is delivered to an agent."""
    return Keys(
        words["access_key_id"],
        Secret(words["secret_access_key"]),
        Secret(words["session_token"]),
    )
