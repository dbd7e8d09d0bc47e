"""Vault as a backend keeps the contract, on a real OpenBao and a real PostgreSQL."""

import contextlib
import dataclasses

import pytest

from backends.kit import broken_promises, unchecked
from backends.kit_lists import PROMISES as LISTS
from backends.vault import Vault
from backends.vault_options import VaultOptions
from tests.real.lossy_proxy import LossyProxy
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import Signing, VaultLab, options

pytestmark = pytest.mark.real


class SharedLab(VaultLab):
    """A Vault that another ledger works with, and people."""

    epoch = "epoch-of-tests"

    def __init__(
        self,
        server: OpenBaoServer,
        signing: Signing,
        near: VaultOptions,
        postgres: PostgresServer,
        proxy: LossyProxy,
    ) -> None:
        super().__init__(Vault(near, signing.surroundings), postgres, proxy)
        self._server = server
        elsewhere = dataclasses.replace(signing.surroundings, epoch=lambda: "another-epoch")
        self._other = Vault(near, elsewhere)

    def other_ledger(self) -> Vault:
        """Work for somebody else."""
        return self._other

    def stranger(self) -> str:
        """Make a token that is nobody's of us."""
        auth = self._server.says("POST", "auth/token/create", {"ttl": "5m"})["auth"]
        return str(auth["accessor"])

    def close(self) -> None:
        """Close both."""
        super().close()
        self._other.close()


def test_it_keeps_every_promise(openbao: OpenBaoServer, postgres: PostgresServer) -> None:
    """All of them; it has no lists, and nothing else is left unchecked."""
    signing = Signing()
    mount = signing.trusted_by(openbao)
    with LossyProxy(openbao.port) as proxy:
        near = options(openbao, mount, address=f"http://127.0.0.1:{proxy.port}")
        lab = SharedLab(openbao, signing, near, postgres, proxy)

        with contextlib.closing(lab):
            assert broken_promises(lab) == {}
            assert set(unchecked(lab)) == set(LISTS)
