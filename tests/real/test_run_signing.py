"""`broker run --proxy` around AWS's own tools, before a real server: they sign with stand-ins."""

import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from broker.secret import Secret
from tests.fakes import aws_world
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.run_world import runs
from tests.fakes.target_world import TargetWorld, open_target_world
from tests.real.aws_lab import AwsLab, open_lab
from tests.real.aws_peer import Keys, Peer
from tests.real.aws_stage import taken

pytestmark = pytest.mark.real

AWS: Final = shutil.which("aws")
NEED: Final = ("--need", "files=order-files", "--scope", "files=orders:read")
MAY: Final = ("s3:GetObject", "s3:PutObject")
SCRIPT: Final = """
import os
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

bucket = sys.argv[1]
config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
s3 = boto3.client("s3", config=config)


def tried(name, call):
    try:
        call()
    except ClientError as error:
        print(name, error.response["Error"]["Code"])
    else:
        print(name, "done")


def read(key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


print(read("acme/1").decode(), "read")
for key, size in (("acme/a b+\\u00fc@(1)", 10), ("acme/large", 9_000_000)):
    with open("body", "wb") as file:
        file.write(os.urandom(size))
    s3.upload_file("body", bucket, key)
    print(read(key) == open("body", "rb").read(), "written")
tried("odd key", lambda: read("acme//1"))
tried("other bucket", lambda: s3.get_object(Bucket="elsewhere", Key="acme/1"))
tried("other tenant", lambda: read("other/1"))
tried("delete", lambda: s3.delete_object(Bucket=bucket, Key="acme/1"))
tried("copy", lambda: s3.copy_object(Bucket=bucket, Key="acme/2", CopySource=f"{bucket}/other/1"))
s4 = Config(s3={"addressing_style": "path"}, signature_version="s3v4")
url = boto3.client("s3", config=s4).generate_presigned_url(
    "get_object", {"Bucket": bucket, "Key": "acme/1"}
)
try:
    urllib.request.urlopen(url)
except urllib.error.HTTPError as error:
    print("presigned", error.code, "<Code>presigned</Code>" in error.read().decode())
"""
REFUSED: Final = [
    "odd key ambiguous-path",
    "other bucket not-declared",
    "other tenant AccessDenied",
    "delete not-declared",
    "copy override",
    "presigned 403 True",
]
"""By the proxy, but for one, which the session itself may not."""


@pytest.fixture
def lab(radosgw: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsLab]:
    """Objects and a role that writes, too; the broker is the peer's administrator."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", radosgw.admin.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", radosgw.admin.secret.reveal())
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with open_lab(radosgw) as lab:
        yield lab


@pytest.fixture
async def world(
    single: SingleServer, signer: Signer, tmp_path: Path, lab: AwsLab
) -> AsyncIterator[TargetWorld]:
    """One broker that has the peer for a target; its agents read and write their tenant's."""
    target = aws_world.target(lab.peer.sts_url, lab.peer.account, ambient={})
    role = lab.stage.arn(lab.stage.role(*(lab.on(action) for action in MAY)))
    objects = f"arn:aws:s3:::{lab.bucket}/${{tenant}}/*"
    statements = [{"Effect": "Allow", "Action": a, "Resource": objects} for a in MAY]
    capability = aws_world.capability(role, lab.bucket, scopes={"orders:read": statements})
    async with open_target_world(single, signer, tmp_path, target, capability) as world:
        yield world


def routes(lab: AwsLab, folder: Path) -> Path:
    """Declare the bucket."""
    route = {
        "need": "files",
        "scheme": "http",
        "host": "localhost",
        "port": urlsplit(lab.peer.s3_url).port,
        "local": True,
        "methods": ["GET", "HEAD", "PUT", "POST"],
        "paths": [f"/{lab.bucket}/**"],
        "put": {"sigv4": {"service": "s3", "region": "us-east-1"}},
    }
    file = folder / "routes.json"
    file.write_text(json.dumps([route]))
    return file


def uses_in(log: Path) -> list[dict[str, Any]]:
    """Read what the proxy has told."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def words_of(text: str) -> dict[str, str]:
    """Read what `env` has said."""
    return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("AWS_"))


async def test_boto3_and_the_aws_command_use_a_session_that_they_never_hold(
    world: TargetWorld, lab: AwsLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading, writing, in parts, with odd names; what is refused is said in their own form."""
    port = urlsplit(lab.peer.s3_url).port
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://localhost:{port}")
    child = tmp_path / "child.py"
    child.write_text(SCRIPT)
    aws = (
        "printf '[default]\\ns3 =\\n addressing_style = path\\n' > config;"
        f"AWS_CONFIG_FILE=config {AWS} s3 cp s3://{lab.bucket}/acme/1 - ;"
    )
    script = f"env > variables; {sys.executable} {child} {lab.bucket} && {aws if AWS else 'true'}"
    log = tmp_path / "uses.jsonl"
    options = ("--proxy", str(routes(lab, tmp_path)), "--only-declared", "--proxy-log", str(log))
    async with runs(world, tmp_path) as begin:
        run = begin(script, *options, needs=NEED)
        code, out, err = await run.ended()

    assert (code, err) == (0, ""), err + out
    lines = out.splitlines()
    assert lines[:3] == ["here read", "True written", "True written"]
    assert lines[3:] == [*REFUSED, *(["here"] if AWS else [])]
    held = words_of(run.read("variables"))
    keys = Keys(
        held["AWS_ACCESS_KEY_ID"],
        Secret(held["AWS_SECRET_ACCESS_KEY"]),
        Secret(held["AWS_SESSION_TOKEN"]),
    )
    directly = lab.peer.client("s3", keys)
    assert keys.access_key.startswith("ASIASTANDIN")
    assert not taken(lambda: directly.get_object(Bucket=lab.bucket, Key="acme/1"))
    assert {use["outcome"] for use in uses_in(log)} == {"answered", "refused"}
