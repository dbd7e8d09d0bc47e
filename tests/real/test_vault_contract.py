"""Vault as a backend keeps the contract, on a real OpenBao and a real PostgreSQL."""

import contextlib

import pytest

from backends.kit import broken_promises, unchecked
from backends.kit_inventory import PROMISES as INVENTORY
from backends.vault import Vault
from tests.real.lossy_proxy import LossyProxy
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import Signing, VaultLab, options

pytestmark = pytest.mark.real


def test_it_keeps_every_promise(openbao: OpenBaoServer, postgres: PostgresServer) -> None:
    """All of them; it lists nothing."""
    signing = Signing()
    mount = signing.trusted_by(openbao)
    with LossyProxy(openbao.port) as proxy:
        near = options(openbao, mount, address=f"http://127.0.0.1:{proxy.port}")
        lab = VaultLab(Vault(near, signing.surroundings), postgres, proxy)

        with contextlib.closing(lab):
            assert broken_promises(lab) == {}
            assert set(unchecked(lab)) == set(INVENTORY)
