"""What vault.md has its owner type, typed at a real OpenBao by its own command."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.fakes.guide import Guide
from tests.real.openbao_server import OpenBaoServer, pem
from tests.real.vault_lab import Signing

pytestmark = pytest.mark.real

_PIP, ROLE, LOGIN = Guide("vault.md").of("sh")
DISCOVERED: Final = "oidc_discovery_url=https://broker.example"
"""Nobody is at that address; the key that it would show is in a file."""


def typed(server: OpenBaoServer, program: Path, text: str, folder: Path) -> None:
    """Type a block as the owner of a server."""
    (folder / "bao").unlink(missing_ok=True)
    (folder / "bao").symlink_to(program)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "BAO_ADDR": server.url,
        "BAO_TOKEN": server.root,
    }
    done = subprocess.run(  # noqa: S603 - the page is ours
        ["bash", "-euo", "pipefail", "-c", text],  # noqa: S607
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_an_owner_makes_the_role_and_lets_the_broker_in(
    part: Callable[[str], Path], tmp_path: Path, signing: Signing
) -> None:
    """The token role is as the broker wants it, and a login by the broker's key is taken."""
    program = part("openbao")
    server = OpenBaoServer(program)
    try:
        server.start()
        typed(server, program, ROLE, tmp_path)
        (tmp_path / "key.pem").write_text(pem(signing.key))
        typed(
            server,
            program,
            LOGIN.replace(DISCOVERED, "jwt_validation_pubkeys=@key.pem"),
            tmp_path,
        )
        role = server.says("GET", "auth/token/roles/jit")["data"]
        policy = server.says("GET", "sys/policies/acl/orders-read")["data"]["policy"]
        token = signing.surroundings.token("vault.example", "jit-broker", 60)
        login = server.says("POST", "auth/jwt/login", {"role": "jit-broker", "jwt": token})
    finally:
        server.remove()

    assert role["allowed_policies"] == ["orders-read"]
    assert (role["orphan"], role["token_type"], role["renewable"]) == (True, "service", True)
    assert "database/creds/orders-acme" in policy
    assert login["auth"]["policies"] == ["jit-broker"]
