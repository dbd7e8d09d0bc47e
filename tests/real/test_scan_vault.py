"""`broker scan` tells what stands in a real OpenBao, with a token that can read no value."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import pretend_secrets as pretend
from tests.real.openbao_server import OpenBaoServer

pytestmark = pytest.mark.real

VALUE = pretend.password("vault")
POLICY = 'path "scanned/metadata/*" { capabilities = ["list", "read"] }'


def call(server: OpenBaoServer, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Act as its owner."""
    answer = requests.request(
        method,
        f"{server.url}/v1/{path}",
        headers={"X-Vault-Token": server.root},
        json=body,
        timeout=30,
    )
    answer.raise_for_status()
    return dict(answer.json()) if answer.content else {}


@pytest.fixture
def token(openbao: OpenBaoServer, tmp_path: Path) -> Path:
    """A file with a token for metadata alone, of an engine with two secrets."""
    call(openbao, "POST", "sys/mounts/scanned", {"type": "kv", "options": {"version": "2"}})
    time.sleep(1)  # the engine makes itself ready for versions
    for path in ("shop/api", "shop/api", "top"):
        call(openbao, "POST", f"scanned/data/{path}", {"data": {"password": VALUE}})
    call(openbao, "POST", "scanned/metadata/top", {"custom_metadata": {"owner": "team-shop"}})
    call(openbao, "PUT", "sys/policies/acl/scan", {"policy": POLICY})
    made = call(openbao, "POST", "auth/token/create", {"policies": ["scan"], "ttl": "10m"})
    file = tmp_path / "token"
    file.write_text(f"{made['auth']['client_token']}\n")
    return file


def test_standing_secrets_of_a_vault_are_told_without_their_values(
    openbao: OpenBaoServer, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, versions, age and owner; the token could not read more."""
    code = main(["scan", "--vault", openbao.url, "--vault-token-file", str(token), "--json"])

    out = capsys.readouterr().out
    found = {each["path"]: each for each in json.loads(out)["findings"]}
    assert code == exits.REFUSED
    assert set(found) == {"vault:scanned/shop/api", "vault:scanned/top"}
    assert found["vault:scanned/shop/api"]["name"] == "2 versions"
    assert found["vault:scanned/top"]["owner"] == "team-shop"
    assert {each["age_days"] for each in found.values()} == {0}
    assert VALUE not in out
