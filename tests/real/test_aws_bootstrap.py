"""`broker aws bootstrap` at moto and LocalEmu; what it plans holds where it can be shown."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backends.aws_bootstrap import OURS, Plan, plan, policy, wanted_of
from backends.aws_shapes import AwsOptions, DenyWriter, WebIdentity
from broker.cli.main import main
from tests.fakes.target_files import Files
from tests.real import web_issuer
from tests.real.aws_peer import Keys, Peer, document, named
from tests.real.aws_stage import Stage, taken

pytestmark = pytest.mark.real

at_moto = pytest.mark.parametrize("aws_peer", ["moto"], indirect=True)
"""LocalEmu keeps what it is given in moto's way."""

with_boundaries = pytest.mark.parametrize("aws_peer", ["moto", "localemu"], indirect=True)


@dataclass
class Ground:
    """A configuration for an account of a peer, and the command on it."""

    peer: Peer
    files: Files
    boundary: str
    told: Callable[[], str]

    @property
    def role(self) -> str:
        """The capability's role."""
        return str(self.files.capability["template"]["role_arn"])

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.role.rpartition("/")[2]

    def bootstrap(self, *options: str) -> tuple[int, dict[str, str]]:
        """Run the command; return its exit code, and the state of each thing."""
        self.files.write()
        fixed = ["--config", str(self.files.folder), "--iam-url", self.peer.iam_url, "--json"]
        self.told()
        code = main(["aws", "bootstrap", *fixed, "--boundary", self.boundary, *options])
        (report,) = json.loads(self.told())["targets"]
        return code, {step["what"]: step["state"] for step in report["steps"]}

    def trust(self) -> list[dict[str, Any]]:
        """Return the statements of the role's trust policy."""
        role = self.peer.client("iam").get_role(RoleName=self.name)["Role"]
        found: list[dict[str, Any]] = role["AssumeRolePolicyDocument"]["Statement"]
        return found


@pytest.fixture
def ground(
    aws_peer: Peer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ground:
    """Declare a target and a capability there; the caller's keys are the administrator's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws_peer.admin.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws_peer.admin.secret.reveal())
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    arn = f"arn:aws:iam::{aws_peer.account}:role/"
    target = {
        "name": "files",
        "kind": "aws_sts",
        "options": {
            "account": aws_peer.account,
            "region": "us-east-1",
            "endpoint_url": aws_peer.sts_url,
            "web_identity": {},
            "kill": "deny",
            "deny_writer": {"role_arn": arn + named("writer"), "endpoint_url": aws_peer.iam_url},
        },
    }
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders/*"}
    capability = {
        "name": "order-files",
        "backend": "aws_sts",
        "target": "files",
        "audience": "aws:orders",
        "scopes": ["orders:read"],
        "tenants": ["acme"],
        "max_ttl_seconds": 600,
        "default_ttl_seconds": 300,
        "template": {
            "role_arn": arn + "jit/" + named("orders"),
            "scopes": {"orders:read": [allow]},
            "max_session_seconds": 7200,
        },
    }
    files = Files(tmp_path, target, capability)
    broker = files.folder / "broker.yaml"
    issuer = f"issuer: https://{named('broker')}.example"
    broker.write_text(re.sub(r"(?m)^issuer: .*$", issuer, broker.read_text()))
    return Ground(aws_peer, files, named("edge"), lambda: capsys.readouterr().out)


@with_boundaries
def test_what_is_missing_is_made_once(ground: Ground) -> None:
    """Looking changes nothing, and a second time there is nothing to do."""
    code, before = ground.bootstrap("--diff")
    again, still = ground.bootstrap("--diff")
    assert (code, again) == (1, 1)
    assert before == still
    assert "missing" in before.values()

    code, made = ground.bootstrap("--apply")
    assert code == 0
    assert set(made.values()) <= {"made", "changed", "there"}

    for option in ("--apply", "--diff"):
        code, after = ground.bootstrap(option)
        assert code == 0
        assert set(after.values()) == {"there"}


@at_moto
def test_a_role_that_is_made_is_as_it_was_planned(ground: Ground) -> None:
    """By the word of IAM."""
    ground.bootstrap("--apply")

    role = ground.peer.client("iam").get_role(RoleName=ground.name)["Role"]
    assert role["Arn"] == ground.role
    assert role["MaxSessionDuration"] == 7200
    edge = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert edge == f"arn:aws:iam::{ground.peer.account}:policy/{ground.boundary}"
    assert [statement["Sid"] for statement in ground.trust()] == [OURS]
    assert ground.peer.client("iam").list_role_policies(RoleName=ground.name)["PolicyNames"] == []


def theirs(peer: Peer) -> dict[str, object]:
    """Return a statement by which somebody else may take a role."""
    return {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": peer.principal},
        "Action": "sts:AssumeRole",
    }


@at_moto
def test_what_others_have_written_stays(ground: Ground) -> None:
    """Their statement in the trust policy, their policies, their longer maximum."""
    iam = ground.peer.client("iam")
    iam.create_role(
        RoleName=ground.name,
        Path="/jit/",
        AssumeRolePolicyDocument=document(theirs(ground.peer)),
        MaxSessionDuration=10_000,
    )
    may = document({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    iam.put_role_policy(RoleName=ground.name, PolicyName="work", PolicyDocument=may)

    code, states = ground.bootstrap("--apply")

    assert code == 0
    assert states[f"role {ground.role}, whom it trusts"] == "changed"
    assert [statement["Sid"] for statement in ground.trust()] == ["Theirs", OURS]
    assert iam.get_role(RoleName=ground.name)["Role"]["MaxSessionDuration"] == 10_000
    assert iam.list_role_policies(RoleName=ground.name)["PolicyNames"] == ["work"]


@at_moto
def test_our_own_statement_is_kept_up(ground: Ground) -> None:
    """Another subject takes the place of the former one."""
    ground.bootstrap("--apply")
    ground.files.target["options"]["web_identity"]["subject"] = another = named("subject")

    code, states = ground.bootstrap("--apply")

    assert code == 0
    assert states[f"role {ground.role}, whom it trusts"] == "changed"
    assert another in json.dumps(ground.trust())
    assert len(ground.trust()) == 1


@at_moto
def test_another_boundary_is_told_and_left(ground: Ground) -> None:
    """Whoever put it there must say."""
    iam = ground.peer.client("iam")
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    edge = iam.create_policy(PolicyName=named("other"), PolicyDocument=everything)["Policy"]["Arn"]
    iam.create_role(
        RoleName=ground.name,
        Path="/jit/",
        AssumeRolePolicyDocument=document(theirs(ground.peer)),
        PermissionsBoundary=edge,
    )

    code, states = ground.bootstrap("--apply")

    assert code == 1
    assert states[f"role {ground.role}, its boundary"] == "conflict"
    role = iam.get_role(RoleName=ground.name)["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == edge


@at_moto
def test_a_boundary_that_was_loosened_is_tight_again(ground: Ground) -> None:
    """A new version of the policy says what it must."""
    ground.bootstrap("--apply")
    arn = f"arn:aws:iam::{ground.peer.account}:policy/{ground.boundary}"
    loose = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    ground.peer.client("iam").create_policy_version(
        PolicyArn=arn, PolicyDocument=loose, SetAsDefault=True
    )
    assert ground.bootstrap("--diff")[1][f"boundary {arn}"] == "different"

    assert ground.bootstrap("--apply")[1][f"boundary {arn}"] == "changed"
    assert ground.bootstrap("--diff")[0] == 0


@at_moto
def test_keys_of_another_account_change_nothing(ground: Ground) -> None:
    """It is found out before anything is looked at."""
    other = "999999999999"
    for part in (
        ground.files.target["options"]["deny_writer"],
        ground.files.capability["template"],
    ):
        part["role_arn"] = part["role_arn"].replace(ground.peer.account, other)
    ground.files.target["options"]["account"] = other

    code, states = ground.bootstrap("--apply")

    assert code == 1
    assert states == {f"account {other}": "failed"}
    roles = ground.peer.client("iam").list_roles()["Roles"]
    assert ground.name not in [role["RoleName"] for role in roles]


@pytest.mark.parametrize("aws_peer", ["localemu"], indirect=True)
def test_the_boundary_and_the_writer_hold(ground: Ground, aws_peer: Peer) -> None:
    """A role that may everything asks IAM for nothing; the writer writes into that role alone."""
    options, template = ground.files.target["options"], ground.files.capability["template"]
    # In a path its writer would be refused: LocalEmu leaves paths out when it compares.
    template["role_arn"] = template["role_arn"].replace("jit/", "")
    del options["web_identity"]
    options["ambient"] = {}
    code, _ = ground.bootstrap("--apply", "--principal", aws_peer.principal)
    assert code == 0
    stage = Stage(aws_peer)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    stage.put(ground.name, "work", everything)
    writer = options["deny_writer"]["role_arn"].rpartition("/")[2]
    other = stage.role()

    def may_write(keys: Keys, role: str) -> bool:
        iam = aws_peer.client("iam", keys)
        deny = document({"Effect": "Deny", "Action": "*", "Resource": "*"})
        put = {"RoleName": role, "PolicyName": "killed", "PolicyDocument": deny}
        return taken(lambda: iam.put_role_policy(**put))

    session = stage.assume(ground.name)
    assert stage.may_read(session)
    assert not may_write(session, other)
    chained = {"RoleArn": stage.arn(ground.name), "RoleSessionName": "more"}
    assert not taken(lambda: aws_peer.client("sts", session).assume_role(**chained))

    assert not may_write(stage.assume(writer), other)
    assert not stage.may_read(stage.assume(writer))
    assert may_write(stage.assume(writer), ground.name)
    assert not stage.may_read(session)


@pytest.mark.parametrize("aws_peer", ["radosgw"], indirect=True)
def test_only_its_own_subject_takes_a_planned_role(aws_peer: Peer) -> None:
    """Of the capability, of the writer; no other capability's, and no other audience."""
    stage = Stage(aws_peer)
    with web_issuer.running() as issuer:
        wanted = _plan_for(issuer.url)
        assert wanted.provider is not None
        stage.iam.create_open_id_connect_provider(
            Url=wanted.provider.url,
            ClientIDList=[wanted.provider.audience],
            ThumbprintList=issuer.thumbprints,
        )
        writer, target = wanted.roles
        for role in wanted.roles:
            trust = json.dumps(policy(role.trust), separators=(",", ":"))
            stage.iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust)

        def may_take(arn: str, **claims: object) -> bool:
            token = issuer.token(**claims)
            asked = {"RoleArn": arn, "RoleSessionName": "task-lease", "WebIdentityToken": token}
            sts = aws_peer.client("sts")
            return taken(lambda: sts.assume_role_with_web_identity(**asked))

        assert may_take(target.arn, sub="capability:orders")
        assert may_take(writer.arn, sub="jit-broker-deny")
        assert not may_take(target.arn, sub="jit-broker-deny")
        assert not may_take(target.arn, sub="capability:others")
        assert not may_take(writer.arn, sub="capability:orders")
        assert not may_take(target.arn, sub="capability:orders", aud="somebody-else")


def _plan_for(issuer: str) -> Plan:
    options = AwsOptions(
        account="",
        region="us-east-1",
        web_identity=WebIdentity(),
        kill="deny",
        deny_writer=DenyWriter(role_arn=f"arn:aws:iam:::role/{named('writer')}"),
    )
    template = {"role_arn": f"arn:aws:iam:::role/{named('orders')}", "scopes": {}}
    return plan(wanted_of(options, {"orders": (["acme"], template)}, issuer=issuer))
