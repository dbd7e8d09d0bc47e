"""Clients as they are: with the child's environment alone they go through the proxy."""

import asyncio
import os
import shutil
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest

from broker.proxy import child_environment
from tests.fakes.aws_child import REGION, is_signed_by_the_session, stand_in
from tests.fakes.proxy_lab import (
    HOST,
    S3,
    TABLES,
    TOKEN,
    Lab,
    Received,
    Upstream,
    plain_answer,
    saying,
)

PYTHON = """
import os, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
print(urllib.request.urlopen(request).status)
"""
REQUESTS = """
import sys, requests
for _ in range(2):
    headers = {"Authorization": "Bearer " + sys.argv[2]}
    answer = requests.get(sys.argv[1], headers=headers, timeout=60)
print(answer.status_code)
"""
NODE = """
const tls = require('tls'), http = require('http');
const proxy = new URL(process.env.HTTPS_PROXY), to = new URL(process.argv[1]);
const auth = 'Basic ' + Buffer.from(proxy.username + ':' + proxy.password).toString('base64');
http.request({host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: to.host,
  headers: {host: to.host, 'proxy-authorization': auth}}).on('connect', (answer, socket) => {
  const safe = tls.connect({socket, servername: to.hostname}, () => {
    const request = http.request({createConnection: () => safe, path: to.pathname,
      headers: {host: to.host, authorization: 'Bearer ' + process.argv[2]}}, (got) => {
      console.log(got.statusCode); got.resume(); got.on('end', () => process.exit(0)); });
    request.end(); }); }).end();
"""

BOTO3 = """
import io, os, sys
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
s3 = boto3.client("s3", endpoint_url=sys.argv[1], config=config)
s3.put_object(Bucket="bucket", Key="a b", Body=open(sys.argv[0], "rb"))
tables = boto3.client("dynamodb", endpoint_url=sys.argv[2], config=config)
tables.describe_table(TableName="orders")
for client, call, said in (
    (s3, "get_object", {"Bucket": "secrets", "Key": "k"}),
    (boto3.client("dynamodb", "eu-west-9", endpoint_url=sys.argv[2], config=config),
     "describe_table", {"TableName": "orders"}),
):
    try:
        getattr(client, call)(**said)
    except ClientError as error:
        print(error)
"""


async def run(lab: Lab, *command: str, **changes: str) -> str:
    """Run a command as the child; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=lab.environment() | changes,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode()


def needs(program: str) -> pytest.MarkDecorator:
    """Leave a test out where a program is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.mark.parametrize("code", [PYTHON, REQUESTS], ids=["urllib", "requests"])
async def test_python(lab: Lab, code: str) -> None:
    """The standard library and requests."""
    url = f"https://{HOST}:{lab.upstream.port}/v1/orders"

    printed = await run(lab, sys.executable, "-c", code, url, lab.stand_in)

    assert printed.strip() == "200"
    assert lab.upstream.received[0].values("authorization") == [f"Bearer {TOKEN}"]


@needs("curl")
@pytest.mark.parametrize("body", ["GET", "upload"])
async def test_curl(lab: Lab, tmp_path: Path, body: str) -> None:
    """A request, and a large upload, for which it waits for a word."""
    big = tmp_path / "big"
    big.write_bytes(b"x" * 3_000_000)
    url = f"https://{HOST}:{lab.upstream.port}/v1/files/x"
    options = ["--data-binary", f"@{big}"] if body == "upload" else []

    printed = await run(
        lab, "curl", "-sS", "-H", f"Authorization: Bearer {lab.stand_in}", *options, url
    )

    assert "/v1/files/x" in printed
    assert lab.upstream.received[0].values("authorization") == [f"Bearer {TOKEN}"]
    assert len(lab.upstream.received[0].body) == (3_000_000 if options else 0)


@needs("wget")
async def test_wget_trusts_the_authority(lab: Lab) -> None:
    """By WGETRC: it looks at no variable for that."""
    url = f"https://{HOST}:{lab.upstream.port}/v1/orders"

    printed = await run(
        lab, "wget", "-qO-", "--header", f"Authorization: Bearer {lab.stand_in}", url
    )

    assert "/v1/orders" in printed
    assert lab.upstream.received[0].values("authorization") == [f"Bearer {TOKEN}"]


@needs("node")
async def test_node_trusts_the_authority(lab: Lab) -> None:
    """By NODE_EXTRA_CA_CERTS."""
    url = f"https://{HOST}:{lab.upstream.port}/v1/orders"

    assert (await run(lab, "node", "-e", NODE, url, lab.stand_in)).strip() == "200"


async def _repository(folder: Path) -> Path:
    quiet = {"cwd": folder, "stdout": asyncio.subprocess.DEVNULL}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=x", "-c", "user.email=x@x.test", "-c", "init.defaultBranch=main"]
    for command in (
        ["git", *who, "init", "-q", "work"],
        ["git", "-C", "work", *who, "commit", "-q", "--allow-empty", "-m", "one"],
        ["git", "clone", "-q", "--bare", "work", "repo.git"],
        ["git", "-C", "repo.git", "update-server-info"],
    ):
        process = await asyncio.create_subprocess_exec(*command, env=os.environ | own, **quiet)  # type: ignore[arg-type]  # as they are named
        assert await process.wait() == 0
    return folder / "repo.git"


@needs("git")
async def test_git_clones(lab: Lab, tmp_path: Path) -> None:
    """With the stand-in in the URL; git asks without it first, and again when it is told to."""
    repository = await _repository(tmp_path)

    async def files(_: Upstream, got: Received, writer: asyncio.StreamWriter) -> None:
        path = got.line.split()[1].partition("?")[0].removeprefix("/git/repo.git/")
        file = repository / path
        if not got.values("authorization"):
            head, body = b"401 No\r\nWWW-Authenticate: Basic realm=x", b""
        elif file.is_file():
            head, body = b"200 OK", file.read_bytes()
        else:
            head, body = b"404 No", b""
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body))

    lab.upstream.answer = files
    url = f"https://x:{lab.stand_in}@{HOST}:{lab.upstream.port}/git/repo.git"
    where = tmp_path / "clone"

    await run(lab, "git", "clone", "-q", url, str(where), GIT_CONFIG_GLOBAL=os.devnull)

    assert (where / ".git" / "HEAD").is_file()
    shown = {tuple(got.values("authorization")) for got in lab.upstream.received}
    assert () in shown
    assert len(shown) == 2


async def test_boto3_signs_and_is_told_why_it_is_refused(lab: Lab, tmp_path: Path) -> None:
    """Over TLS it sends a body with a checksum behind it; S3 apart it says nothing of it."""
    lab.upstream.answer = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    script = tmp_path / "script.py"
    script.write_text(BOTO3)
    at = [f"https://{host}:{lab.upstream.port}" for host in (S3, TABLES)]
    keys = {f"AWS_{name.upper()}": word for name, word in stand_in(lab).items()}
    region = {"AWS_DEFAULT_REGION": REGION, "AWS_CONFIG_FILE": "/nonexistent"}

    printed = await run(lab, sys.executable, str(script), *at, **keys, **region)

    put, described = lab.upstream.received
    assert put.values("x-amz-content-sha256") == ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
    assert BOTO3.encode() in put.body
    assert is_signed_by_the_session(put)
    assert is_signed_by_the_session(described, "dynamodb")
    refused = printed.splitlines()
    assert "(not-declared) when calling the GetObject operation" in refused[0]
    assert refused[1].endswith("declared is dynamodb in eu-central-1: sign for it")


async def test_aiohttp_reuses_its_tunnel(lab: Lab) -> None:
    """Many requests of one child go over one connection of the server's."""
    lab.upstream.answer = plain_answer
    trust = ssl.create_default_context(cadata=lab.proxy.authority_pem)
    headers = {"Authorization": f"Bearer {lab.stand_in}"}
    url = f"https://{HOST}:{lab.upstream.port}/v1/orders"
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(20):
            async with session.get(url, ssl=trust, proxy=lab.proxy.url.reveal()) as answer:
                assert answer.status == 200

    assert len(lab.upstream.received) == 20
    assert lab.upstream.connections == 1


def test_nothing_of_the_parents_proxies_is_left() -> None:
    """Neither another proxy nor an exception from this one."""
    inherited = {
        **dict.fromkeys(("ALL_PROXY", "all_proxy", "HTTPS_PROXY", "http_proxy"), "http://evil"),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "*"),
        "SSL_CERT_DIR": "evil",
        "KEPT": "yes",
    }

    changed = child_environment(inherited, proxy_url="http://p", bundle=Path("b.pem"))

    assert "evil" not in " ".join(changed.values())
    assert (changed["NO_PROXY"], changed["no_proxy"], changed["KEPT"]) == ("", "", "yes")
    assert changed["HTTPS_PROXY"] == changed["http_proxy"] == "http://p"
    assert changed["GIT_SSL_CAINFO"] == changed["SSL_CERT_FILE"] == "b.pem"
