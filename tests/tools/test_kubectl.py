"""kubectl shows an API server the token that the helper gives it, and fetches the next in time."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.desk import FakeDesk
from tests.fakes.tool_servers import ToolServer, reply, serving

KUBECTL = shutil.which("kubectl") or ""

pytestmark = pytest.mark.skipif(not KUBECTL, reason="kubectl is not there")


@pytest.fixture
def desk() -> Iterator[FakeDesk]:
    """A run's desk."""
    with FakeDesk() as desk:
        yield desk


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who vouches for the API server."""
    return Authority(tmp_path, "authority")


@pytest.fixture
def cluster(authority: Authority) -> Iterator[ToolServer]:
    """An API server that answers whoever shows the token, over TLS."""
    with serving(_answer, authority.server_context()) as server:
        yield server


def _answer(request: BaseHTTPRequestHandler) -> None:
    if request.headers.get("Authorization") == "Bearer canary-token":
        reply(request, 200, b'{"gitVersion": "v1.32.0"}', Content_Type="application/json")
    else:
        reply(request, 401, b'{"kind": "Status", "code": 401}', Content_Type="application/json")


def get(
    folder: Path,
    desk: FakeDesk,
    cluster: ToolServer,
    authority: Authority,
    *options: str,
    **changes: Any,
) -> "subprocess.CompletedProcess[str]":
    """Have kubectl ask for the version, with a kubeconfig that names the helper."""
    config = folder / "kubeconfig"
    config.write_text(json.dumps(_kubeconfig(cluster, authority, options, changes)))
    return subprocess.run(  # noqa: S603 - the machine's own kubectl
        [KUBECTL, "--kubeconfig", str(config), "get", "--raw", "/version"],
        env={**os.environ, **desk.environment, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _kubeconfig(
    cluster: ToolServer, authority: Authority, options: tuple[str, ...], changes: Mapping[str, Any]
) -> dict[str, Any]:
    line = ["-m", "broker", "credential-helper", "kubernetes", "--need", "cluster", *options]
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": line,
        "interactiveMode": "Never",
        "provideClusterInfo": True,
        **changes,
    }
    place = {
        "server": f"https://{cluster.place}",
        "certificate-authority": str(authority.ca_file),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": place}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def test_kubectl_shows_the_token(
    desk: FakeDesk, cluster: ToolServer, authority: Authority, tmp_path: Path
) -> None:
    """To the declared server, which kubectl names in its question."""
    desk.gives("cluster")
    here = ["--server", f"https://{cluster.place}"]

    done = get(tmp_path, desk, cluster, authority, *here)

    assert done.returncode == 0, done.stderr
    assert "v1.32.0" in done.stdout
    assert set(cluster.shown) == {"Bearer canary-token"}


def test_another_cluster_gets_nothing(
    desk: FakeDesk, cluster: ToolServer, authority: Authority, tmp_path: Path
) -> None:
    """A kubeconfig that somebody has bent."""
    desk.gives("cluster")

    done = get(tmp_path, desk, cluster, authority, "--server", "https://k.example")

    assert done.returncode != 0
    assert "none of the declared servers" in done.stderr
    assert not any(cluster.shown)
    assert desk.asked == []


def test_kubectl_says_why_there_is_no_token(
    desk: FakeDesk, cluster: ToolServer, authority: Authority, tmp_path: Path
) -> None:
    """The helper's line comes through."""
    desk.answers["cluster"] = (410, {"detail": "the task has ended"})

    done = get(tmp_path, desk, cluster, authority)

    assert done.returncode != 0
    assert "the task has ended" in done.stderr


def test_an_older_form_is_refused(
    desk: FakeDesk, cluster: ToolServer, authority: Authority, tmp_path: Path
) -> None:
    """With the line that a kubeconfig must have."""
    desk.gives("cluster")
    older = "client.authentication.k8s.io/v1beta1"

    done = get(tmp_path, desk, cluster, authority, apiVersion=older)

    assert done.returncode != 0
    assert "apiVersion: client.authentication.k8s.io/v1" in done.stderr
