"""A kind of a package that somebody else has written, installed by pip and found by its name."""

import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker import kinds
from broker.cli import exits
from tests.fakes import filedrop_kind
from tests.fakes.cast import AGENT
from tests.fakes.filedrop_kind import is_let_in
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.toy_world import ToyWorld
from tests.fakes.world_config import Template as Prepared
from tests.fakes.world_config import WorldConfig


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the package, from a wheel alone."""
    folder = tmp_path_factory.mktemp("installed")
    packed = filedrop_kind.wheel(tmp_path_factory.mktemp("wheels"))
    options = ("--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", "-q", *options, "--target", str(folder)]
    subprocess.run([*command, str(packed)], check=True, capture_output=True)  # noqa: S603 - our own
    return folder


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """A folder of credentials."""
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "identity").write_text("the one")
    return folder


def declared(config: WorldConfig, drop: str, template: Mapping[str, str]) -> Path:
    """Write a target of the kind down, and a capability that is minted there."""
    target = {"name": "drop", "kind": "filedrop", "options": {"folder": drop}}
    file = config.folder / "targets.yaml"
    file.write_text(yaml.safe_dump({"targets": [target]}))
    capability = {
        "name": "drops",
        "backend": "filedrop",
        "target": "drop",
        "audience": "filedrop:drop",
        "scopes": ["orders:read"],
        "tenants": ["acme"],
        "max_ttl_seconds": 600,
        "default_ttl_seconds": 60,
        "template": dict(template),
    }
    config.edit("capabilities.yaml", lambda read: read["capabilities"].append(capability))
    return file


@asynccontextmanager
async def opened(
    single: SingleServer, config: WorldConfig, signer: Signer, targets: Path, path: Path
) -> AsyncIterator[ToyWorld]:
    """Start a broker that finds the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(path), *sys.path])
        kinds.find.cache_clear()
        world = ToyWorld(single, config, signer)
        try:
            await world.prepare()
            await world.publish(wait=False)
            await world.start(targets=targets)
            yield world
        finally:
            await world.stop()
            kinds.find.cache_clear()
            sys.modules.pop("jit_filedrop", None)


async def test_its_credentials_live_and_die_with_their_task(
    *,
    single: SingleServer,
    template: Prepared,
    signer: Signer,
    tmp_path: Path,
    installed: Path,
    drop: Path,
) -> None:
    """Minted, renewed, killed, and reported like any other."""
    with tempfile.TemporaryDirectory(prefix="jit-", dir="/tmp") as sockets:
        config = WorldConfig(template, tmp_path, store=single.settings.url, sockets=Path(sockets))
        targets = declared(config, str(drop), {"note": "for the books"})
        async with opened(single, config, signer, targets, installed) as world:
            ask: dict[str, Any] = {"capability": "drops", "scopes": ["orders:read"]}
            task = str((await world.open(ceiling=[ask]))["id"])
            issued = await world.issue(task, **ask)
            file, password = Path(issued["secret"]["file"]), issued["secret"]["password"]
            was_let_in = is_let_in(file, password)
            renewed = await world.post(
                AGENT, f"/v1/credentials/{issued['id']}/renew", {"ttl_seconds": 300}
            )
            was_kept = is_let_in(file, password)
            await world.end(task)
            receipt = await world.until(task, issued["id"], "confirmed")

    assert (was_let_in, was_kept) == (True, True)
    assert (renewed.status, renewed["secret"]) == (201, {})
    assert (receipt["kind"], receipt["target"]) == ("filedrop", "drop")
    assert not is_let_in(file, password)


def check(config: WorldConfig, path: str) -> tuple[int, Any]:
    """Run ``broker config check`` with a package to be found, or none."""
    broker = config.folder / "broker.yaml"
    read = yaml.safe_load(broker.read_text())
    broker.write_text(yaml.safe_dump({**read, "targets": "targets.yaml"}))
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "broker", "config", "check", "--config", str(broker), "--json"],
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


@pytest.mark.parametrize(
    ("folder", "note", "is_installed", "said"),
    [
        ("/var/drop", "for the books", True, ""),
        ("var/drop", "", True, "options.folder"),
        ("/var/drop", " ", True, "template.note"),
        ("/var/drop", "", False, "no such kind"),
    ],
    ids=["right", "wrong options", "wrong template", "not installed"],
)
def test_config_check_knows_it(
    template: Prepared,
    tmp_path: Path,
    *,
    installed: Path,
    folder: str,
    note: str,
    said: str,
    is_installed: bool,
) -> None:
    """With file, line and key of what the package itself has to complain of."""
    config = WorldConfig(template, tmp_path, store="redis://127.0.0.1:1/0", sockets=tmp_path)
    declared(config, folder, {"note": note} if note else {})

    code, answer = check(config, str(installed) if is_installed else "")

    assert code == (exits.CONFIGURATION if said else exits.OK), answer
    assert said in json.dumps(answer)
    assert not said or all(fault["line"] for fault in answer["error"]["faults"])
