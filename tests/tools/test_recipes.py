"""Every recipe of docs/shapes.md, as it stands there, with the tool that it is for.

Those for PostgreSQL: ``tests/real/test_database_login.py``.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.certificates import Authority
from tests.fakes.desk import FakeDesk
from tests.fakes.guarded_orders import orders
from tests.fakes.guide import Guide
from tests.fakes.tool_servers import (
    GIT,
    ToolServer,
    git_answer,
    git_repository,
    reply,
    run_git,
    serving,
)
from tests.tools.test_aws import AWS, IDENTITY, KEYS

PAGE = Guide("shapes.md")
TOKEN = "canary-token"
KUBECTL, DOCKER = shutil.which("kubectl") or "", shutil.which("docker") or ""


@pytest.fixture
def desk() -> Iterator[FakeDesk]:
    """A run's desk, which has all the needs of the page but the database's."""
    with FakeDesk() as desk:
        for need in ("code", "images", "cluster", "orders"):
            desk.gives(need)
        desk.gives("files", "aws_sts", expiration="2100-01-01T00:00:00Z", **KEYS)
        yield desk


def run(*command: str, desk: FakeDesk, **besides: str) -> "subprocess.CompletedProcess[str]":
    """Run a tool within the run, with our commands on its path."""
    ours = Path(sys.executable).parent
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(  # noqa: S603 - the tools of this machine, and our own text
        command,
        env={**clean, "PATH": f"{ours}:{clean['PATH']}", **desk.environment, **besides},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def sts() -> Iterator[ToolServer]:
    """Says who calls."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        reply(request, 200, IDENTITY, Content_Type="text/xml")

    with serving(answer) as server:
        yield server


@pytest.mark.skipif(not AWS, reason="the aws command is not there")
def test_awss_profile(desk: FakeDesk, sts: ToolServer, tmp_path: Path) -> None:
    """The aws command takes it by its name."""
    config = tmp_path / "config"
    config.write_text(PAGE.of("ini")[0])

    done = run(
        *(AWS, "--profile", "files", "sts", "get-caller-identity"),
        *("--endpoint-url", f"http://{sts.place}"),
        desk=desk,
        AWS_CONFIG_FILE=str(config),
        AWS_SHARED_CREDENTIALS_FILE="/nonexistent",
    )

    assert done.returncode == 0, done.stderr
    assert "Credential=ASIACANARY/" in sts.shown[0]


@pytest.mark.skipif(not GIT, reason="git is not there")
def test_gits_configuration(desk: FakeDesk, tmp_path: Path) -> None:
    """For the host that it names."""
    root, authority = git_repository(tmp_path).parent, Authority(tmp_path, "authority")
    with serving(git_answer(root, TOKEN), authority.server_context()) as server:
        config = tmp_path / "gitconfig"
        config.write_text(PAGE.of("gitconfig")[0].replace("git.example", server.place))
        ours = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = run_git(
            tmp_path,
            *("-c", f"http.sslCAInfo={authority.ca_file}"),
            *("clone", "-q", f"https://{server.place}/a.git", "cloned"),
            **desk.environment,
            GIT_CONFIG_GLOBAL=str(config),
            PATH=ours,
        )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not DOCKER, reason="Docker's client is not there")
def test_dockers_configuration(desk: FakeDesk, tmp_path: Path) -> None:
    """Together with what the environment says."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        reply(request, 401, WWW_Authenticate='Basic realm="registry"')

    (tmp_path / "docker-credential-broker").write_text(
        f"#!{sys.executable}\nimport sys\nfrom broker.__main__ import docker\nsys.exit(docker())\n"
    )
    (tmp_path / "docker-credential-broker").chmod(0o755)
    with serving(answer, Authority(tmp_path, "authority").server_context()) as server:
        here = PAGE.of("json")[0].replace("registry.example", server.place)
        (tmp_path / "config.json").write_text(here)
        said = PAGE.of("sh")[0].replace("registry.example", server.place)
        line = f"docker --config {tmp_path} manifest inspect --insecure {server.place}/a:1"
        ours = f"{tmp_path}:{os.environ['PATH']}"
        run(shutil.which("sh") or "sh", "-c", said + line, desk=desk, PATH=ours)

        assert "Basic eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5LXRva2Vu" in server.shown


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not there")
def test_kubectls_user(desk: FakeDesk, tmp_path: Path) -> None:
    """As the one user of a kubeconfig."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        known = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        reply(request, 200 if known else 401, b"{}", Content_Type="application/json")

    authority = Authority(tmp_path, "authority")
    with serving(answer, authority.server_context()) as server:
        place = f"https://{server.place}"
        shown = yaml.safe_load(PAGE.of("yaml")[0].replace("https://k8s.example", place))
        config = tmp_path / "kubeconfig"
        config.write_text(json.dumps(_kubeconfig(place, authority, shown)))
        done = run(
            *(KUBECTL, "--kubeconfig", str(config), "get", "--raw", "/version"),
            desk=desk,
            HOME=str(tmp_path),
        )

    assert (done.returncode, done.stdout) == (0, "{}"), done.stderr


def _kubeconfig(place: str, authority: Authority, shown: dict[str, Any]) -> dict[str, Any]:
    cluster = {"server": place, "certificate-authority": str(authority.ca_file)}
    context = {"cluster": "c", "user": shown["users"][0]["name"]}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "x", "context": context}],
        "current-context": "x",
        **shown,
    }


def test_botocores_session(desk: FakeDesk, sts: ToolServer) -> None:
    """The first program of the page."""
    program = PAGE.of("python")[0]

    url = f"http://{sts.place}"
    done = run(sys.executable, "-W", "error", "-c", program, desk=desk, AWS_ENDPOINT_URL=url)

    assert (done.stdout, done.stderr) == ("123456789012\n", "")


@pytest.mark.parametrize("number", [1, 2, 3], ids=["httpx", "requests", "aiohttp"])
def test_http_in_python(desk: FakeDesk, number: int) -> None:
    """Its next three."""
    program = PAGE.of("python")[number]
    with orders(TOKEN) as here:
        url = f"{here.url}/orders"
        done = run(sys.executable, "-W", "error", "-c", program, desk=desk, ORDERS_URL=url)

        assert (done.stdout, done.stderr) == ("200\n", "")
        assert here.shown == [f"Bearer {TOKEN}"]


def test_no_recipe_is_left_out() -> None:
    """The last three are for PostgreSQL."""
    kinds = [block.language for block in PAGE.blocks]

    assert sorted(kinds) == sorted(["ini", "gitconfig", "json", "sh", "yaml", *["python"] * 7])
