"""Docker's own client logs in at a registry with what the helper gives it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.desk import FakeDesk
from tests.fakes.tool_servers import ToolServer, basic, reply, serving

DOCKER = shutil.which("docker") or ""

pytestmark = pytest.mark.skipif(not DOCKER, reason="Docker's client is not there")

TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'
IMAGE = {
    "schemaVersion": 2,
    "mediaType": TYPE,
    "config": {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": len(CONFIG),
        "digest": f"sha256:{hashlib.sha256(CONFIG).hexdigest()}",
    },
    "layers": [],
}


@pytest.fixture
def desk() -> Iterator[FakeDesk]:
    """A run's desk."""
    with FakeDesk() as desk:
        yield desk


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[ToolServer]:
    """A registry with one image, for whoever shows the token."""
    with serving(_answer, Authority(tmp_path, "authority").server_context()) as server:
        yield server


def _answer(request: BaseHTTPRequestHandler) -> None:
    if basic(request) != ("x-access-token", "canary-token"):
        reply(request, 401, WWW_Authenticate='Basic realm="registry"')
    elif "/blobs/" in request.path:
        reply(request, 200, CONFIG)
    else:
        reply(request, 200, json.dumps(IMAGE).encode(), Content_Type=TYPE)


def inspect(
    folder: Path, desk: FakeDesk, registry: ToolServer
) -> "subprocess.CompletedProcess[str]":
    """Have Docker read an image's manifest; the helper is on its path by its own name."""
    program = folder / "docker-credential-broker"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom broker.__main__ import docker\nsys.exit(docker())\n"
    )
    program.chmod(0o755)
    config = {"credHelpers": {registry.place: "broker"}}
    (folder / "config.json").write_text(json.dumps(config))
    image = f"{registry.place}/orders:1"
    return subprocess.run(  # noqa: S603 - the machine's own docker
        [DOCKER, "--config", str(folder), "manifest", "inspect", "--insecure", image],
        env={
            **os.environ,
            **desk.environment,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "BROKER_DOCKER_REGISTRIES": f"{registry.place}=images",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_docker_logs_in_with_a_token(desk: FakeDesk, registry: ToolServer, tmp_path: Path) -> None:
    """Which its configuration does not have."""
    desk.gives("images")

    done = inspect(tmp_path, desk, registry)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == IMAGE
    assert desk.asked
    assert "canary" not in (tmp_path / "config.json").read_text()


def test_docker_goes_on_without_a_login_that_is_refused(
    desk: FakeDesk, registry: ToolServer, tmp_path: Path
) -> None:
    """It shows the registry nothing, and fails there; what the helper said it keeps to itself."""
    desk.answers["images"] = (410, {"detail": "the task has ended"})

    done = inspect(tmp_path, desk, registry)

    assert done.returncode != 0
    assert desk.asked
    assert registry.shown
    assert not any(registry.shown)
