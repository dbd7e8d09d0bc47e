"""`broker scan` tells what stands in a real OpenBao, whose log says that it read no value."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import pretend_secrets as pretend
from tests.real.openbao_server import OpenBaoServer

pytestmark = pytest.mark.real

VALUE: Final = pretend.password("vault")

POLICY: Final = """
path "two/metadata/*" { capabilities = ["list", "read"] }
path "two/metadata/closed/*" { capabilities = ["deny"] }
path "one/*" { capabilities = ["list"] }
"""
"""Metadata alone. An engine of the first version has none: only its names can be listed."""


class AuditedOpenBao(OpenBaoServer):
    """One that writes down whatever it is asked."""

    @property
    def trail(self) -> Path:
        """What it was asked, a line of JSON for each."""
        return self._home / "audit.log"

    def is_ready(self, path: str) -> bool:
        """Tell whether something answers there as it should."""
        headers = {"X-Vault-Token": self.root, "X-Vault-Namespace": self.namespace}
        return requests.get(f"{self.url}/v1/{path}", headers=headers, timeout=30).ok

    def wait(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        self._until(holds)

    def _arguments(self) -> list[str]:
        file = self._home / "audit.hcl"
        file.write_text(f'audit "file" "trail" {{ options {{ file_path = "{self.trail}" }} }}\n')
        return [*super()._arguments(), f"-config={file}"]


@pytest.fixture(scope="module")
def audited(part: Callable[[str], Path]) -> Iterator[AuditedOpenBao]:
    """An OpenBao with engines of both versions, and a namespace with one."""
    server = AuditedOpenBao(part("openbao"))
    try:
        server.start()
        server.says("POST", "sys/namespaces/team")
        _fill(server)
        server.namespace = "team"
        _fill(server)
        server.namespace = ""
        yield server
    finally:
        server.remove()


def _fill(server: AuditedOpenBao) -> None:
    for name, version in (("one", "1"), ("two", "2")):
        server.says("POST", f"sys/mounts/{name}", {"type": "kv", "options": {"version": version}})
    server.wait(lambda: server.is_ready("two/config"))  # it makes itself ready for versions
    for path in ("shop/api", "shop/api", "top", "closed/x"):
        server.says("POST", f"two/data/{path}", {"data": {"password": VALUE}})
    server.says("POST", "two/metadata/top", {"custom_metadata": {"owner": "team-shop"}})
    server.says("POST", "one/old/login", {"password": VALUE})
    server.says("PUT", "sys/policies/acl/scan", {"policy": POLICY})


def _token(server: AuditedOpenBao, file: Path) -> str:
    made = server.says("POST", "auth/token/create", {"policies": ["scan"], "ttl": "10m"})
    file.write_text(f"{made['auth']['client_token']}\n")
    return str(file)


def _scanned(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    code = main(["scan", "--json", *words])
    out, err = capsys.readouterr()
    assert VALUE not in out + err
    return code, json.loads(out), err


def test_names_versions_age_and_owner_are_told_and_no_value_was_read(
    audited: AuditedOpenBao, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """OpenBao wrote down lists, and reads of metadata. What is closed is told as not read."""
    token = _token(audited, tmp_path / "token")
    before = len(audited.trail.read_text().splitlines())

    code, told, err = _scanned(capsys, "--vault", audited.url, "--vault-token-file", token)

    found = {each["path"]: each for each in told["findings"]}
    assert code == exits.REFUSED
    assert set(found) == {"vault:two/shop/api", "vault:two/top", "vault:one/old/login"}
    assert found["vault:two/shop/api"]["name"] == "2 versions"
    assert (found["vault:two/top"]["owner"], found["vault:two/top"]["age_days"]) == ("team-shop", 0)
    assert found["vault:one/old/login"]["age_days"] is None
    assert "not read: vault:two/closed/: Vault answers 403" in err
    asked = _asked(audited.trail.read_text().splitlines()[before:])
    assert {op for op, path in asked if "/metadata" not in path} == {"list", "read"}
    assert {path for op, path in asked if op == "read" and "/metadata/" not in path} == {
        "sys/internal/ui/mounts"
    }
    assert not [path for _, path in asked if "/data/" in path]


def _asked(lines: list[str]) -> set[tuple[str, str]]:
    requests = [json.loads(line)["request"] for line in lines if '"request"' in line]
    return {(each["operation"], each["path"]) for each in requests}


def test_a_namespace_is_looked_into_by_its_name(
    audited: AuditedOpenBao,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the option, or as Vault's own command takes it; the token is the namespace's own."""
    audited.namespace = "team"
    token = _token(audited, tmp_path / "token")
    audited.namespace = ""
    words = ("--vault", audited.url, "--vault-token-file", token)

    _, told, _ = _scanned(capsys, *words, "--vault-namespace", "team")
    monkeypatch.setenv("VAULT_NAMESPACE", "team/")
    _, again, _ = _scanned(capsys, *words)
    monkeypatch.setenv("VAULT_NAMESPACE", "")
    outside, nothing, _ = _scanned(capsys, *words)

    assert {each["path"] for each in told["findings"]} == {
        *("vault:two/shop/api", "vault:two/top", "vault:one/old/login"),
    }
    assert told["findings"] == again["findings"]
    assert (outside, nothing["findings"]) == (exits.PARTLY_READ, [])
