"""The page about moving here: what its story cannot run is typed at a real OpenBao and a moto."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import yaml

from broker.cli.main import main
from tests.fakes.guide import DOCS
from tests.real.aws_peer import Peer
from tests.real.openbao_server import OpenBaoServer
from tests.story.test_migrating import write

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

TEXT: Final = (DOCS / "migrating.md").read_text(encoding="utf-8")
POLICIES: Final = ("orders-read", "agents-pki", "shop-kv")


def lines(program: str) -> list[list[str]]:
    """Return what the page has a reader type of a program, at a prompt."""
    return [line.split() for line in re.findall(rf"^ *\$ ({program} .*)$", TEXT, re.MULTILINE)]


@pytest.fixture
def vault(openbao: OpenBaoServer, tmp_path: Path) -> OpenBaoServer:
    """A Vault of a team's own, as it was before: its policies, and the agent's login."""
    inside = openbao.within("moving")
    for name in POLICIES:
        policy = 'path "kv/data/*" { capabilities = ["read"] }'
        inside.says("POST", f"sys/policies/acl/{name}", {"policy": policy})
    inside.says("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    bound = dict.fromkeys(("bound_service_account_names", "bound_service_account_namespaces"), "*")
    inside.says("POST", "auth/kubernetes/role/shop-bot", {**bound, "policies": "orders-read"})
    (hcl,) = re.findall(
        r"^```hcl\n(.*?)^```", (DOCS / "vault.md").read_text(), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "jit-broker.hcl").write_text(hcl)
    return inside


def token(vault: OpenBaoServer, maker: str, path: str, *policies: str) -> tuple[int, str]:
    """Have a token make another one; return the status and the new one."""
    made = requests.post(
        f"{vault.url}/v1/auth/token/{path}",
        json={"policies": list(policies), "ttl": "1m"},
        headers={"X-Vault-Token": maker, "X-Vault-Namespace": vault.namespace},
        timeout=30,
    )
    return made.status_code, made.json().get("auth", {}).get("client_token", "") if made.ok else ""


def test_the_lines_for_a_vault_make_what_the_broker_needs_and_no_more(
    vault: OpenBaoServer, part: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its login makes tokens with the agents' policies, none with its own; the old login ends."""
    typed = lines("bao")
    environment = {
        **os.environ,
        "BAO_ADDR": vault.url,
        "BAO_TOKEN": vault.root,
        "BAO_NAMESPACE": vault.namespace,
        "HOME": str(tmp_path),
    }

    for _, *words in typed:
        done = subprocess.run(  # noqa: S603 - the page's own words
            [part("openbao"), *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)

    status, login = token(vault, vault.root, "create", "jit-broker")
    assert (len(typed), status) == (3, 200)
    assert [token(vault, login, "create/jit", each)[0] for each in POLICIES] == [200] * 3
    assert token(vault, login, "create/jit", "jit-broker")[0] == 400
    assert token(vault, login, "create", "orders-read")[0] == 403
    roles: Any = requests.get(
        f"{vault.url}/v1/auth/kubernetes/role/shop-bot",
        headers={"X-Vault-Token": vault.root, "X-Vault-Namespace": vault.namespace},
        timeout=30,
    )
    assert roles.status_code == 404


def place_at(peer: Peer, file: Path) -> None:
    """Say where this AWS is, which is all that the page's target does not."""
    document = yaml.safe_load(file.read_text())
    options = document["targets"][0]["options"]
    options["endpoint_url"] = peer.sts_url
    options["deny_writer"]["endpoint_url"] = peer.iam_url
    file.write_text(yaml.safe_dump(document))


@pytest.mark.parametrize("aws_peer", ["moto"], indirect=True)
def test_the_lines_for_an_account_compare_it_and_then_make_it(
    aws_peer: Peer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By an administrator's profile: what is missing is told, made, and then there."""
    write(tmp_path / "aws", "aws_sts")
    place_at(aws_peer, tmp_path / "aws" / "targets.yaml")
    (tmp_path / "profiles").write_text("[profile admin]\n")
    (tmp_path / "keys").write_text(
        f"[admin]\naws_access_key_id = {aws_peer.admin.access_key}\n"
        f"aws_secret_access_key = {aws_peer.admin.secret.reveal()}\n"
    )
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "profiles"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    differs, makes = lines("broker aws bootstrap")

    def typed(words: list[str]) -> tuple[int, str]:
        code = main([*words[1:], "--config", str(tmp_path / "aws")])
        return code, capsys.readouterr().out

    before, made, after = typed(differs), typed(makes), typed(differs)

    assert (before[0], "missing" in before[1]) == (1, True), before
    assert made[0] == 0, made
    assert (after[0], "missing" in after[1]) == (0, False), after
    role = aws_peer.client("iam").get_role(RoleName="orders")["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"]["broker.example:aud"] == "sts.amazonaws.com"
