"""Real clients below a real `broker run`: boto3 and the aws command, and kubectl.

The broker is one that answers what a test has laid ready; each credential lives for seconds.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.run_command import WAIT
from tests.fakes.run_stage import ISSUE, RENEW, Stage, aws_session, issued, soon, stage
from tests.fakes.tool_servers import ToolServer, reply, serving

AWS, KUBECTL = shutil.which("aws") or "", shutil.which("kubectl") or ""
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/orders/t</Arn>
<UserId>AROA:t</UserId><Account>123456789012</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""
LONG = """
import boto3, pathlib, sys, time
client = boto3.client("sts", endpoint_url=sys.argv[1], region_name="eu-central-1")
pathlib.Path("started").touch()
while not pathlib.Path("go").exists():
    client.get_caller_identity()
    time.sleep(0.5)
"""
"""A process that has one client as long as it lives."""


@pytest.fixture
def sts() -> Iterator[ToolServer]:
    """A server that says who calls, and notes by which keys."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        reply(request, 200, IDENTITY, Content_Type="text/xml")

    with serving(answer) as server:
        yield server


def keys(server: ToolServer) -> list[str]:
    """Return by which keys requests were signed, each once."""
    signed = (each.partition("Credential=")[2].partition("/")[0] for each in server.shown)
    return list(dict.fromkeys(signed))


def gives_sessions(before: Stage, *names: str, seconds: int) -> None:
    """Let the broker give one session after the other; the last one lives long."""
    before.options = ["--task", "copy", "--need", "files=orders-api", "--scope", "orders:read"]
    before.broker.forget(ISSUE)
    for name in names[:-1]:
        before.broker.answer(ISSUE, aws_session(name, **soon(seconds)), status=201)
    before.broker.answer(ISSUE, aws_session(names[-1], **soon(3600)), status=201)


async def test_a_long_boto3_process_signs_by_whatever_the_run_holds(
    sts: ToolServer, tmp_path: Path
) -> None:
    """One client, three sessions: it asks the desk again ahead of each end."""
    (tmp_path / "long.py").write_text(LONG)
    with stage(tmp_path) as before:
        gives_sessions(before, "ASIAONE", "ASIATWO", "ASIATHREE", seconds=6)
        run = before.run(f"{sys.executable} {tmp_path}/long.py http://{sts.place}")
        await run.until(lambda: "ASIATHREE" in keys(sts), "the third session")
        run.go()
        code, _, err = await run.ended()

    assert (code, err) == (0, "")
    assert keys(sts) == ["ASIAONE", "ASIATWO", "ASIATHREE"]


@pytest.mark.skipif(not AWS, reason="the aws command is not there")
async def test_the_aws_command_takes_the_runs_session_both_ways(
    sts: ToolServer, tmp_path: Path
) -> None:
    """From the container's endpoint, which needs no word; and by a profile's credential_process."""
    helper = f"{sys.executable} -m broker credential-helper aws --need files"
    config = tmp_path / "config"
    config.write_text(f"[profile p]\nregion = eu-central-1\ncredential_process = {helper}\n")
    ask = f"{AWS} sts get-caller-identity --query Account --output text"
    there = f"--region eu-central-1 --endpoint-url http://{sts.place}"
    script = f"{ask} {there}; AWS_CONFIG_FILE={config} {ask} {there}/process --profile p"
    with stage(tmp_path) as before:
        gives_sessions(before, "ASIAONE", seconds=0)
        code, out, err = await before.run(script).ended()

    assert (code, err, out) == (0, "", "123456789012\n" * 2)
    assert keys(sts) == ["ASIAONE"]
    assert len(sts.shown) == 2


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not there")
async def test_kubectl_reads_the_runs_configuration_and_its_token_anew(tmp_path: Path) -> None:
    """For one server, by its own authority; and the younger token after a renewal."""
    authority = Authority(tmp_path, "authority")

    def answer(request: BaseHTTPRequestHandler) -> None:
        reply(request, 200, b'{"gitVersion": "v1.32.0"}', Content_Type="application/json")

    ask = f"{KUBECTL} get --raw /version"
    script = f"{ask} > first; {WAIT}{ask} > second"
    with (
        serving(answer, authority.server_context()) as cluster,
        stage(tmp_path, **soon(3)) as before,
    ):
        before.broker.forget(RENEW)
        before.broker.answer(RENEW, issued(generation=2, access_token="younger"))
        shape = f"kubeconfig=https://{cluster.place},{authority.ca_file}"
        run = before.run(script, "--as", shape, through=["env", f"HOME={tmp_path}"])
        await run.started()
        token = before.file("orders-api.token")
        await run.until(lambda: token.read_text() == "younger", "the younger token")
        run.go()
        code, _, err = await run.ended()

    first = f"Bearer {issued()['access_token']}"
    assert (code, err) == (0, "")
    assert json.loads(run.read("first")) == json.loads(run.read("second"))
    assert list(dict.fromkeys(cluster.shown)) == [first, "Bearer younger"]
