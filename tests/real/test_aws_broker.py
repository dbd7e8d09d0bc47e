"""An agent is given a session of a role by a whole broker, and uses it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes import aws_world
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.target_world import TargetWorld, open_target_world
from tests.real.aws_lab import AwsLab, open_lab
from tests.real.aws_peer import Peer

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
