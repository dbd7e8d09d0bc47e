"""Vault as a backend keeps the contract, on a real OpenBao and a real PostgreSQL."""

import contextlib

import pytest

from backends.kit import broken_promises, unchecked
from tests.real.lossy_proxy import LossyProxy
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import VaultLab

pytestmark = pytest.mark.real


def test_it_keeps_every_promise(openbao: OpenBaoServer, postgres: PostgresServer) -> None:
    """All of them, and none is left unchecked."""
    with LossyProxy(openbao.port) as proxy:
        lab = VaultLab(openbao, postgres, proxy)

        with contextlib.closing(lab):
            assert broken_promises(lab) == {}
            assert list(unchecked(lab)) == []
