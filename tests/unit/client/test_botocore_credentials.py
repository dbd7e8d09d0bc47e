"""botocore signs with what the credential is at that moment."""

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import boto3
import pytest

from broker.client.botocore_credentials import NoAwsSessionError, botocore_session
from broker.client.run_credential import RunCredential, RunCredentialError
from broker.clock import SystemClock, rfc3339
from tests.fakes.desk import FakeDesk
from tests.fakes.tool_servers import ToolServer, reply, serving

ANSWER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDesk]:
    """A run's desk, which the environment names; with keys of others there, too."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with FakeDesk() as desk:
        for name, value in desk.environment.items():
            monkeypatch.setenv(name, value)
        yield desk


@pytest.fixture
def sts() -> Iterator[ToolServer]:
    """A server that notes by which keys it was asked."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        reply(request, 200, ANSWER, Content_Type="text/xml")

    with serving(answer) as server:
        yield server


def give(desk: FakeDesk, key: str, lives_s: float = 300) -> None:
    """Let the desk give a session."""
    end = rfc3339(SystemClock().now_ms() + int(lives_s * 1000))
    words = {"secret_access_key": "s", "session_token": f"t-{key}", "expiration": end}
    desk.gives("files", "aws_sts", lives_s, access_key_id=key, **words)


def test_every_request_is_signed_with_the_current_keys(desk: FakeDesk, sts: ToolServer) -> None:
    """Of one client, which was made once; never with those of the environment."""
    give(desk, "ASIAFIRST")
    session = boto3.Session(botocore_session=botocore_session(RunCredential("files")))
    client = session.client("sts", endpoint_url=f"http://{sts.place}")

    client.get_caller_identity()
    give(desk, "ASIASECOND")
    client.get_caller_identity()

    keys = [shown.partition("Credential=")[2].partition("/")[0] for shown in sts.shown]
    assert keys == ["ASIAFIRST", "ASIASECOND"]


@pytest.mark.filterwarnings("ignore:Refreshing temporary credentials failed")
def test_what_was_revoked_signs_no_more(desk: FakeDesk, sts: ToolServer) -> None:
    """Although the session would have lived on by its expiration."""
    give(desk, "ASIAFIRST")
    session = boto3.Session(botocore_session=botocore_session(RunCredential("files")))
    client = session.client("sts", endpoint_url=f"http://{sts.place}")
    client.get_caller_identity()

    desk.answers["files"] = (410, {"detail": "the task has ended"})
    with pytest.raises(RunCredentialError, match="the task has ended"):
        client.get_caller_identity()

    assert len(sts.shown) == 1


def test_another_kind_is_no_session(desk: FakeDesk) -> None:
    """It says so, and does not fall back on whatever else there is."""
    desk.gives("files")

    with pytest.raises(NoAwsSessionError, match="access_key_id"):
        boto3.Session(botocore_session=botocore_session(RunCredential("files"))).client("sts")
