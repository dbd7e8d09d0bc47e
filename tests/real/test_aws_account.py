"""The trial for a real account, on peers: it measures, tells the truth, and leaves nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.real.aws_peer import Peer, named

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]


def trial(peer: Peer, prefix: str, *options: str, account: str = "") -> tuple[int, dict[str, Any]]:
    """Run it with the administrator's keys; return its exit code and its report."""
    words = {
        "--account": account or peer.account,
        "--prefix": prefix,
        "--sts-url": peer.sts_url,
        "--iam-url": peer.iam_url,
        "--s3-url": peer.s3_url,
        "--principal": peer.principal,
    }
    argv = [sys.executable, "-m", "tests.real.aws_account"]
    ended = subprocess.run(  # noqa: S603 - ours
        [*argv, *(word for pair in words.items() for word in pair), *options],
        cwd=ROOT,
        env={
            **os.environ,
            "AWS_ACCESS_KEY_ID": peer.admin.access_key,
            "AWS_SECRET_ACCESS_KEY": peer.admin.secret.reveal(),
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def leftovers(peer: Peer, prefix: str) -> list[str]:
    """Name everything that bears a prefix."""
    iam = peer.client("iam")
    names = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    names += [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    names += [bucket["Name"] for bucket in peer.client("s3").list_buckets()["Buckets"]]
    return [name for name in names if name.startswith(prefix)]


@pytest.mark.parametrize("aws_peer", ["localemu"], indirect=True)
def test_it_measures_a_kill_and_leaves_nothing(aws_peer: Peer) -> None:
    """The killed task's session is refused, the other's is not.

    That a lease of 3 s ends after 3 s LocalEmu does not do: it is told, with everything else.
    """
    prefix = named("trial")

    code, report = trial(aws_peer, prefix, "--patience", "5", "--lease", "3")

    assert report["served_after_denial_s"] >= 0, report
    assert report["short_session_was_served"]
    assert code == 1
    assert "it is still served" in report["why"]
    assert leftovers(aws_peer, prefix) == []


@pytest.mark.parametrize("aws_peer", ["moto"], indirect=True)
def test_it_says_what_an_account_does_not_do(aws_peer: Peer) -> None:
    """Moto refuses everybody; that is told, and everything is removed all the same."""
    prefix = named("trial")

    code, report = trial(aws_peer, prefix)

    assert code == 1
    assert "the other task's session is refused too" in report["why"]
    assert leftovers(aws_peer, prefix) == []


@pytest.mark.parametrize("aws_peer", ["moto"], indirect=True)
def test_it_does_nothing_in_an_account_that_was_not_named(aws_peer: Peer) -> None:
    """Whose keys these are is asked first."""
    prefix = named("trial")

    code, report = trial(aws_peer, prefix, account="999999999999")

    assert code == 1
    assert "not 999999999999" in report["why"]
    assert leftovers(aws_peer, prefix) == []


def test_it_does_nothing_unless_an_account_is_named() -> None:
    """Not even ask whose keys there are."""
    argv = [sys.executable, "-m", "tests.real.aws_account"]

    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603

    assert ended.returncode == 2
    assert "--account" in ended.stderr
