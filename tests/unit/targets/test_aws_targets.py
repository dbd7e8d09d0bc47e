"""Accounts of AWS as targets, and capabilities there: every fault with file, line and remedy."""

from pathlib import Path
from typing import Any

import pytest

from broker.cli.main import main
from broker.signing.key_files import generate
from tests.fakes.target_files import Files

OPTIONS: dict[str, Any] = {
    "account": "123456789012",
    "region": "eu-central-1",
    "web_identity": {"audience": "sts.amazonaws.com"},
}
VIA = {"role_arn": "arn:aws:iam::123456789012:role/broker"}
WRITER = {"role_arn": "arn:aws:iam::123456789012:role/deny-writer"}
STATEMENT: dict[str, Any] = {
    "Effect": "Allow",
    "Action": ["s3:GetObject"],
    "Resource": "arn:aws:s3:::orders/${tenant}/*",
}
TEMPLATE: dict[str, Any] = {
    "role_arn": "arn:aws:iam::123456789012:role/orders",
    "scopes": {"orders:read": [STATEMENT]},
    "tags": {"tenant": "${tenant}"},
    "transitive_tags": ["tenant"],
    "source_identity": "${task}",
}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Files without a fault."""
    target = {"name": "files", "kind": "aws_sts", "options": OPTIONS}
    capability = {
        "name": "orders-files",
        "backend": "aws_sts",
        "target": "files",
        "audience": "aws:orders",
        "scopes": ["orders:read"],
        "tenants": ["acme"],
        "max_ttl_seconds": 3600,
        "default_ttl_seconds": 300,
        "template": TEMPLATE,
    }
    return Files(tmp_path, target, capability)


def test_what_is_right_has_no_fault(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """And the command says so."""
    assert files.faults() == []
    assert main(["config", "check", "--config", str(files.folder / "broker.yaml")]) == 0
    assert "is good" in capsys.readouterr().out


TARGET_FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no way in": ({"web_identity": None}, "options", "how does the broker get in"),
    "two ways in": ({"ambient": {}}, "options", "how does the broker get in"),
    "account": ({"account": "12345"}, "options.account", ""),
    "no account": ({"account": ""}, "options.account", "missing"),
    "region": ({"region": "EU"}, "options.region", ""),
    "partition": ({"partition": "aws-iso"}, "options.endpoint_url", "not known"),
    "in the clear": (
        {"endpoint_url": "http://sts.example"},
        "options.endpoint_url",
        "in the clear",
    ),
    "no address": ({"endpoint_url": "sts.example"}, "options.endpoint_url", "no address"),
    "subject": (
        {"web_identity": {"subject": "x:${tennant}"}},
        "options.web_identity.subject",
        "nothing stands for tennant",
    ),
    "one subject": (
        {"web_identity": {"subject": "x:${tenant}"}, "via_role": VIA},
        "options.web_identity.subject",
        "one subject",
    ),
    "role in between": (
        {"via_role": {"role_arn": "arn:aws:iam::1:role/x"}},
        "options.via_role.role_arn",
        "",
    ),
    "its partition": (
        {"via_role": {"role_arn": "arn:aws-cn:iam::123456789012:role/x"}},
        "options.via_role.role_arn",
        "another partition",
    ),
    "its external id": (
        {"via_role": {**VIA, "external_id": "ext-1"}},
        "options.via_role.external_id",
        "not sent",
    ),
    "a secret": ({"secret_access_key": "x"}, "options.secret_access_key", "no such setting"),
    "kill": ({"kill": "drop"}, "options.kill", ""),
    "no writer": ({"kill": "deny"}, "options.deny_writer", "goes with kill"),
    "no kill": ({"deny_writer": WRITER}, "options.deny_writer", "goes with kill"),
    "no writer's role": (
        {"kill": "deny", "deny_writer": {}},
        "options.deny_writer.role_arn",
        "takes a role",
    ),
    "writer's account": (
        {
            "kill": "deny",
            "deny_writer": {"role_arn": "arn:aws:iam::999999999999:role/x"},
        },
        "options.deny_writer.role_arn",
        "another account",
    ),
    "writer's external id": (
        {"kill": "deny", "deny_writer": {**WRITER, "external_id": "ext-1"}},
        "options.deny_writer.external_id",
        "not sent",
    ),
    "IAM in the clear": (
        {"kill": "deny", "deny_writer": {**WRITER, "endpoint_url": "http://iam.example"}},
        "options.deny_writer.endpoint_url",
        "in the clear",
    ),
}


@pytest.mark.parametrize("name", TARGET_FAULTS)
def test_a_faulty_account_is_found_with_its_line(files: Files, name: str) -> None:
    """Before anybody asks for a session."""
    change, key, message = TARGET_FAULTS[name]
    files.target["options"] |= change

    found = [f for f in files.faults() if f.file.endswith("targets.yaml")]

    assert [f for f in found if key in f.key and message in f.message and f.line > 0], found


def scope(**changes: Any) -> dict[str, Any]:
    """Say something else of the scope."""
    return {"scopes": {"orders:read": [STATEMENT | changes]}}


LONG = {
    "scopes": {"orders:read": [STATEMENT | {"Action": [f"s3:Get{'x' * 60}{n}"]} for n in range(12)]}
}

TEMPLATE_FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown variable": (scope(Resource="x/${tennant}/*"), "Resource", "nothing stands for"),
    "joined": (scope(Resource="x/${tenant}*"), "Resource", "touches a wildcard"),
    "no action": (scope(Action=[]), "Action", "one of Action and NotAction"),
    "principal": (scope(Principal="*"), "Principal", "no such setting"),
    "effect": (scope(Effect="allow"), "Effect", ""),
    "operator": (scope(Condition={"StringIs": {"a": "b"}}), "StringIs", "no operator of IAM"),
    "too large": (LONG, "template.scopes", "and AWS takes 2048"),
    "gives nothing": ({"scopes": {"orders:read": []}}, "scopes", "gives nothing"),
    "only denies": (scope(Effect="Deny"), "scopes", "gives nothing"),
    "no scope": ({"scopes": {}}, "template.scopes", "does not say what orders:read gives"),
    "no role": ({"role_arn": "orders"}, "template.role_arn", ""),
    "another account": (
        {"role_arn": "arn:aws:iam::999999999999:role/orders"},
        "template.role_arn",
        "another account than 123456789012",
    ),
    "another partition": (
        {"role_arn": "arn:aws-cn:iam::123456789012:role/orders"},
        "template.role_arn",
        "another partition than aws",
    ),
    "external id": ({"external_id": "ext-1"}, "template.external_id", "not sent"),
    "tag": ({"tags": {"aws:x": "y"}, "transitive_tags": []}, "template.tags", "AWS's own"),
    "tag value": ({"tags": {"tenant": "a*"}}, "template.tags.tenant", "no value that AWS takes"),
    "tag variable": ({"tags": {"tenant": "${tennant}"}}, "template.tags", "nothing stands for"),
    "same tag": ({"tags": {"tenant": "a", "Tenant": "b"}}, "template.tags", "is there already"),
    "many tags": ({"tags": {f"tenant{n}": "x" for n in range(51)}}, "template.tags", "takes 50"),
    "transitive": ({"transitive_tags": ["other"]}, "transitive_tags[0]", "no tag of that key"),
    "source identity": ({"source_identity": "a:b"}, "template.source_identity", "AWS takes"),
    "managed policies": (
        {"policy_arns": [f"arn:aws:iam::aws:policy/p{n}" for n in range(11)]},
        "template.policy_arns",
        "AWS takes 10",
    ),
    "its account": (
        {"policy_arns": ["arn:aws:iam::999999999999:policy/x"]},
        "template.policy_arns",
        "another account",
    ),
    "probe": (
        {"probe": {"action": "s3:ListBucket", "bucket": "orders"}},
        "template.probe",
        "nothing is denied there",
    ),
    "probe of nothing": (
        {"probe": {"action": "s3:GetObject", "bucket": "orders"}},
        "template.probe.key",
        "goes with s3:GetObject",
    ),
    "probe of anything": (
        {"probe": {"action": "iam:CreateUser", "bucket": "orders"}},
        "template.probe.action",
        "",
    ),
    "short": ({"max_session_seconds": 900}, "template.max_session_seconds", ""),
}


@pytest.mark.parametrize("name", TEMPLATE_FAULTS)
def test_a_faulty_template_is_found_with_its_line(files: Files, name: str) -> None:
    """By itself, and held to its account."""
    change, key, message = TEMPLATE_FAULTS[name]
    files.capability["template"] |= change

    found = [f for f in files.faults() if f.file.endswith("capabilities.yaml")]

    assert [f for f in found if key in f.key and message in f.message and f.line > 1], found


def test_no_lease_is_longer_than_its_roles_sessions(files: Files) -> None:
    """Nor longer than an hour where nobody could take it back."""
    files.capability |= {"max_ttl_seconds": 7200}
    found = {f.message for f in files.faults() if f.key.endswith("max_ttl_seconds")}

    assert found == {
        "aws_sts lives 3600 s at most there",
        "above an hour, and nobody could take it back",
    }


def test_a_session_may_be_had_in_an_emergency(files: Files) -> None:
    """It ends by AWS's clock, whoever is there (I9)."""
    files.capability |= {"break_glass": {"max_ttl_seconds": 300, "scopes": ["orders:read"]}}

    assert files.faults() == []


def test_a_role_behind_a_role_has_an_hour(files: Files) -> None:
    """AWS refuses more when it is asked: it is found before."""
    files.capability["template"] |= {"max_session_seconds": 7200}
    assert files.faults() == []
    files.target["options"] |= {"via_role": VIA}
    found = [f for f in files.faults() if f.key.endswith("template.max_session_seconds")]

    assert [f.message for f in found] == [
        "a role that is taken by another's session has 3600 s at most"
    ]


def test_where_sessions_are_denied_they_may_be_tried_and_last_longer(files: Files) -> None:
    """Somebody can take them back."""
    files.target["options"] |= {"kill": "deny", "deny_writer": WRITER}
    files.capability |= {"max_ttl_seconds": 7200}
    files.capability["template"] |= {
        "max_session_seconds": 7200,
        "probe": {"action": "s3:ListBucket", "bucket": "orders"},
    }

    assert files.faults() == []


@pytest.mark.parametrize(("alg", "is_warned"), [("EdDSA", True), ("ES256", False)])
def test_keys_that_aws_does_not_believe_are_warned_of(
    files: Files, capsys: pytest.CaptureFixture[str], alg: str, *, is_warned: bool
) -> None:
    """It knows RS* and ES* only; a way in by keys of AWS's own needs no token."""
    settings = files.write()
    settings.keys.directory.parent.mkdir(exist_ok=True)
    generate(settings.keys.directory, alg)
    config = ["config", "check", "--config", str(files.folder / "broker.yaml")]

    assert main(config) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "targets[0]" in line]
    files.target["options"] |= {"web_identity": None, "ambient": {}}
    files.write()
    assert main(config) == 0

    assert bool(warned) is is_warned
    if is_warned:
        assert "targets.yaml:" in warned[0]
        assert "believes ES256, and the keys here are EdDSA" in warned[0]
        assert "broker keys rotate --alg ES256" in warned[0]
    assert "targets[0]" not in capsys.readouterr().err
