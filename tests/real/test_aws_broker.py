"""An agent is given a session of a role by a whole broker, and uses it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes import aws_world
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.target_world import TargetWorld, open_target_world
from tests.real import web_issuer
from tests.real.aws_lab import AwsLab, open_lab
from tests.real.aws_peer import Peer, document
from tests.real.web_issuer import AUDIENCE, WebIssuer

pytestmark = [
    pytest.mark.real,
    pytest.mark.parametrize("aws_peer", ["radosgw"], indirect=True),
]


@pytest.fixture
def lab(aws_peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsLab]:
    """Objects and a role; the broker is the peer's administrator, by its environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws_peer.admin.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws_peer.admin.secret.reveal())
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with open_lab(aws_peer) as lab:
        yield lab


@pytest.fixture
async def world(
    single: SingleServer, tmp_path: Path, aws_peer: Peer, lab: AwsLab
) -> AsyncIterator[TargetWorld]:
    """One broker that has the peer for a target."""
    target = aws_world.target(aws_peer.sts_url, aws_peer.account, ambient={})
    capability = aws_world.capability(lab.role, lab.bucket)
    async with open_target_world(single, Signer(), tmp_path, target, capability) as world:
        yield world


async def test_a_session_is_used_and_ends_with_its_lease(
    world: TargetWorld, lab: AwsLab, capfd: pytest.CaptureFixture[str]
) -> None:
    """It reads its tenant's objects and no others; nobody but its agent has seen its keys."""
    task, other = await world.task_for_target(), await world.task_for_target()
    kept = (await world.issue(other, **world.wish))["secret"]
    issued = await world.issue(task, **world.wish, ttl_seconds=4)
    words = issued["secret"]
    began = (lab.may(words), lab.may(words, "other/1"), lab.may(words, action="put"))
    await asyncio.to_thread(lab.until_refused, words)
    receipt = await world.until_receipt(task, issued["id"], "irrevocable", "expired")

    assert began == (True, False, False)
    assert lab.may(kept)
    assert receipt["target"] == "files"
    told = capfd.readouterr()
    for name in ("secret_access_key", "session_token"):
        assert words[name] not in repr(world.dump()) + told.out + told.err


@pytest.fixture
def keyless(lab: AwsLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker finds no key of AWS: the lab was furnished with the administrator's own."""
    assert lab.peer.admin.access_key == os.environ["AWS_ACCESS_KEY_ID"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.fixture
def issuer() -> Iterator[WebIssuer]:
    """Where the peer finds the broker's keys; each has a certificate there, which radosgw wants."""
    with web_issuer.running() as issuer:
        yield issuer


def trusting(issuer: WebIssuer, subject: str) -> str:
    """Write a trust policy for the broker's tokens about one capability."""
    wanted = {f"{issuer.host}:aud": AUDIENCE, f"{issuer.host}:sub": subject}
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": [f"arn:aws:iam:::oidc-provider/{issuer.host}"]},
            "Action": ["sts:AssumeRoleWithWebIdentity"],
            "Condition": {"StringEquals": wanted},
        }
    )


async def publish_keys(world: TargetWorld, lab: AwsLab, issuer: WebIssuer) -> None:
    """Let the peer believe the broker's key, which is one that AWS takes."""
    for _ in range(2):
        await world.rotate(alg="ES256")
    keys = (await world.call(None, "GET", "/.well-known/jwks.json")).body["keys"]
    (key,) = [key for key in keys if key["alg"] == "ES256"]
    issuer.publish_alone(key)
    lab.stage.iam.create_open_id_connect_provider(
        Url=issuer.url, ClientIDList=[AUDIENCE], ThumbprintList=issuer.thumbprints
    )


@pytest.mark.parametrize(
    ("subject", "is_trusted"),
    [("capability:order-files", True), ("capability:another", False)],
)
@pytest.mark.usefixtures("keyless")
async def test_a_broker_without_any_key_takes_a_role_by_its_token(
    single: SingleServer,
    tmp_path: Path,
    lab: AwsLab,
    issuer: WebIssuer,
    *,
    subject: str,
    is_trusted: bool,
) -> None:
    """The peer checks signature, audience and subject; a role is for the capability it names."""
    role = lab.stage.role(lab.on("s3:GetObject"), trust=trusting(issuer, subject))
    target = aws_world.target(lab.peer.sts_url, lab.peer.account, web_identity={})
    capability = aws_world.capability(lab.stage.arn(role), lab.bucket)
    async with open_target_world(
        single, Signer(), tmp_path, target, capability, issuer=issuer.url
    ) as world:
        await publish_keys(world, lab, issuer)
        task = await world.task_for_target()
        answer = await world.ask(task, **world.wish)

        if is_trusted:
            words = answer["secret"]
            assert (lab.may(words), lab.may(words, "other/1")) == (True, False)
        else:
            assert (answer.status, answer.code) == (502, "issuance-failed")
            assert "refused" in answer["detail"]
