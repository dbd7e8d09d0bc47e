"""`broker aws bootstrap`: what it prints, and what it says when it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.cli.main import main
from tests.fakes.target_files import Files
from tests.unit.targets.test_aws_targets import OPTIONS, TEMPLATE

WITHOUT_BOTO3 = """
import sys
sys.modules["boto3"] = sys.modules["botocore"] = None
from broker.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Declare one account and one capability there."""
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
    found = Files(tmp_path, target, capability)
    found.write()
    return found


def test_it_prints_what_an_account_must_have(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people and for programs; nobody is asked."""
    command = ["aws", "bootstrap", "--config", str(files.folder)]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "role arn:aws:iam::123456789012:role/orders: sessions of orders-files" in text

    assert main([*command, "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)["targets"]
    assert report["plan"]["roles"][0]["trust_policy"]["Version"] == "2012-10-17"
    assert report["plan"]["provider"]["client_ids"] == ["sts.amazonaws.com"]


@pytest.mark.parametrize(
    ("change", "options", "code", "says"),
    [
        ({}, ["--target", "others"], 2, "called 'others': there are files"),
        ({"web_identity": None, "ambient": {}}, [], 2, "--principal ARN"),
        ({"account": "1"}, [], 78, "options.account"),
    ],
)
def test_what_it_cannot_know_it_asks_for(
    *,
    files: Files,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    options: list[str],
    code: int,
    says: str,
) -> None:
    """It names the option or the setting."""
    files.target["options"] |= change
    files.write()

    assert main(["aws", "bootstrap", "--config", str(files.folder), *options]) == code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["aws", "bootstrap", "--config"], ["config", "check", "--config"]]
)
def test_without_boto3_it_says_what_to_install(files: Files, words: list[str]) -> None:
    """In a sentence, as for any target of that kind."""
    ended = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", WITHOUT_BOTO3, *words, str(files.folder)],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )

    assert ended.returncode == 78
    assert "jit-broker[aws]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_its_help_needs_no_boto3() -> None:
    """Nor does any other command's."""
    ended = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", WITHOUT_BOTO3, "aws", "bootstrap", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert "--apply" in ended.stdout
