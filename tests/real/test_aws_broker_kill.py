"""A whole broker kills a task's sessions of a role, and no others: by the peer's word.

radosgw judges conditions, so it says whom the role refuses.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from tests.fakes import aws_world
from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.reconcile_command import Command, leave_alone, write_down
from tests.fakes.redis_servers import SingleServer
from tests.fakes.target_world import TargetWorld, open_target_world
from tests.real.aws_lab import AwsLab, open_lab
from tests.real.aws_peer import Peer, document

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


@asynccontextmanager
async def opened(
    single: SingleServer, folder: Path, lab: AwsLab, **writer: Any
) -> AsyncIterator[TargetWorld]:
    """Start one broker that has the peer for a target, and denies there."""
    peer = lab.peer
    writer = {"endpoint_url": peer.iam_url, **writer}
    target = aws_world.target(
        peer.sts_url, peer.account, ambient={}, kill="deny", deny_writer=writer
    )
    probe = {
        "action": "s3:GetObject",
        "bucket": lab.bucket,
        "key": "acme/1",
        "endpoint_url": peer.s3_url,
    }
    capability = aws_world.capability(lab.role, lab.bucket, probe=probe)
    target["deadline_ms"] = 20_000  # a starved machine is slow
    async with open_target_world(single, Signer(), folder, target, capability) as world:
        yield world


async def test_a_task_s_end_kills_its_sessions_and_a_refused_canary_confirms_it(
    single: SingleServer, tmp_path: Path, lab: AwsLab
) -> None:
    """Another task's session on the same role goes on, and is killed with its own."""
    async with opened(single, tmp_path, lab) as world:
        task, other = await world.task_for_target(), await world.task_for_target()
        issued = [await world.issue(task, **world.wish) for _ in range(2)]
        kept = await world.issue(other, **world.wish)
        before = [lab.may(each["secret"]) for each in (*issued, kept)]

        await world.end(task)
        receipts = [await world.until_receipt(task, each["id"], "confirmed") for each in issued]
        after = [lab.may(each["secret"]) for each in (*issued, kept)]
        await world.end(other)
        await world.until_receipt(other, kept["id"], "confirmed")

        assert before == [True, True, True]
        assert after == [False, False, True]
        assert not lab.may(kept["secret"])
        assert [receipt["target"] for receipt in receipts] == ["files", "files"]


async def test_a_full_role_is_cut_off_and_whoever_is_hit_has_ended(
    single: SingleServer, tmp_path: Path, lab: AwsLab
) -> None:
    """As announced: the other task's lease says collateral, and its session is refused."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(opened(single, tmp_path, lab, max_characters=600))
        other = await world.task_for_target()
        hit = await world.issue(other, **world.wish)
        tasks = [await world.task_for_target() for _ in range(6)]
        issued = [await world.issue(task, **world.wish) for task in tasks]

        await asyncio.gather(*map(world.end, tasks))
        for task, each in zip(tasks, issued, strict=True):
            await world.until_receipt(task, each["id"], "accepted", "confirmed")
        receipt = await world.until_receipt(other, hit["id"], "accepted")
        shown = await world.get(AGENT, f"/v1/credentials/{hit['id']}")
        held = await world.ask(other, **world.wish)

        assert not any(lab.may(each["secret"]) for each in (*issued, hit))
        assert shown["ended_by"] == "collateral"
        assert "cut off" in receipt["detail"]
        assert (held.status, held.code) == (502, "issuance-failed")


def add_to_policy(iam: Any, where: dict[str, str]) -> None:
    """Write a statement more into a role's policy, as a hand would."""
    kept = iam.get_role_policy(**where)["PolicyDocument"]
    kept = kept if isinstance(kept, dict) else json.loads(kept)
    hand = {"Effect": "Deny", "Action": ["s3:DeleteBucket"], "Resource": ["*"]}
    iam.put_role_policy(**where, PolicyDocument=document(*kept["Statement"], hand))


async def test_what_a_hand_did_to_a_role_is_shown(
    single: SingleServer,
    tmp_path: Path,
    lab: AwsLab,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its policy as it must be, edited, and deleted; whom it refuses lives then, by the peer."""
    monkeypatch.setattr("broker.comparing_lists.second_look_ms", lambda target: 50)  # noqa: ARG005
    iam = lab.peer.client("iam")
    where = {"RoleName": lab.role.rpartition("/")[2], "PolicyName": "jit-broker-deny"}
    async with opened(single, tmp_path, lab) as world:
        write_down(world)
        command = Command(world, capsys)
        task = await world.task_for_target()
        issued = await world.issue(task, **world.wish)
        await world.end(task)
        await world.until_receipt(task, issued["id"], "confirmed")
        leave_alone(world)

        well, first = await command.run()
        add_to_policy(iam, where)
        strange, second = await command.run()
        iam.delete_role_policy(**where)
        gone, third = await command.run()

        assert (well, strange, gone) == (exits.OK, exits.REFUSED, exits.REFUSED)
        (good,), (edited,), (missing,) = (told["lists"] for told in (first, second, third))
        assert (good["list"], good["document"], good["standing"]) == (lab.role, "ours", 1)
        assert 0 < good["free"] < good["room"]
        assert (edited["edited"], edited["missing"]) == (True, [])
        assert (missing["document"], missing["missing"]) == ("absent", [task])
        assert lab.may(issued["secret"])
