"""AWS's own tools take their keys from the helper: botocore, and the aws command."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import boto3
import botocore.exceptions
import pytest

from tests.fakes.desk import FakeDesk
from tests.fakes.tool_servers import ToolServer, reply, serving

AWS = shutil.which("aws") or ""
KEYS = {
    "access_key_id": "ASIACANARY",
    "secret_access_key": "canary/s",
    "session_token": "canary=token",
}
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/orders/t</Arn>
<UserId>AROA:t</UserId><Account>123456789012</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDesk]:
    """A run's desk."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with FakeDesk() as desk:
        for name, value in desk.environment.items():
            monkeypatch.setenv(name, value)
        yield desk


@pytest.fixture
def sts() -> Iterator[ToolServer]:
    """A server that says who calls, and notes by which keys."""
    with serving(_answer) as server:
        yield server


def _answer(request: BaseHTTPRequestHandler) -> None:
    assert request.headers["X-Amz-Security-Token"] == KEYS["session_token"]
    reply(request, 200, IDENTITY, Content_Type="text/xml")


@pytest.fixture
def profile(desk: FakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - the environment is clean
    """A profile that names the helper."""
    command = [sys.executable, "-m", "broker", "credential-helper", "aws", "--need", "files"]
    config = tmp_path / "config"
    config.write_text(
        f"[default]\nregion = eu-central-1\ncredential_process = {shlex.join(command)}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@pytest.mark.usefixtures("profile")
def test_botocore_signs_with_a_runs_keys(desk: FakeDesk, sts: ToolServer) -> None:
    """And asks again while the session is in its last quarter of an hour."""
    desk.gives("files", "aws_sts", **KEYS)
    client = boto3.session.Session().client("sts", endpoint_url=f"http://{sts.place}")

    told = client.get_caller_identity()

    assert told["Account"] == "123456789012"
    assert "Credential=ASIACANARY/" in sts.shown[0]
    assert len(desk.asked) >= 1


@pytest.mark.usefixtures("profile")
def test_botocore_says_why_there_are_no_keys(desk: FakeDesk, sts: ToolServer) -> None:
    """The helper's line is in its error."""
    desk.answers["files"] = (410, {"detail": "the task has ended"})

    with pytest.raises(botocore.exceptions.CredentialRetrievalError, match="the task has ended"):
        boto3.session.Session().client("sts", endpoint_url=f"http://{sts.place}")

    assert sts.shown == []


@pytest.mark.skipif(not AWS, reason="the aws command is not there")
@pytest.mark.usefixtures("profile")
def test_the_aws_command_signs_with_a_runs_keys(desk: FakeDesk, sts: ToolServer) -> None:
    """As it is installed on the machine."""
    desk.gives("files", "aws_sts", lives_s=3_600, **KEYS)

    done = subprocess.run(  # noqa: S603 - the machine's own
        [AWS, "sts", "get-caller-identity", "--endpoint-url", f"http://{sts.place}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert "123456789012" in done.stdout
    assert "Credential=ASIACANARY/" in sts.shown[0]
