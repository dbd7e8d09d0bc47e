"""A real OpenBao gives up on a lease, after ten minutes of trying: that is told, and mended."""

import time

import pytest

from backends.contract import Death
from backends.errors import BackendError, Trouble
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import Signing, is_let_in, minted, opened, options, soon

pytestmark = [pytest.mark.real, pytest.mark.soak, pytest.mark.timeout(1_500)]

_GIVES_UP_S = 1_200


def given_up(openbao: OpenBaoServer) -> int:
    """Say how many leases it calls irrevocable."""
    answer = openbao.says("GET", "sys/leases?type=irrevocable&limit=none")
    return int(answer["data"]["lease_count"])


def test_a_lease_that_openbao_calls_irrevocable_is_abandoned_until_it_is_mended(
    openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """Nothing is confirmed meanwhile; once its database is back the same order ends it."""
    signing = Signing()
    with opened(options(openbao, signing.trusted_by(openbao)), signing.surroundings) as vault:
        words, place = minted(vault, ttl_s=3_600)
        postgres.stop()
        try:
            first = vault.revoke(place, soon())
            ends = time.monotonic() + _GIVES_UP_S
            while not given_up(openbao):
                assert time.monotonic() < ends, openbao.log[-4_000:]
                time.sleep(5)
            with pytest.raises(BackendError) as caught:
                vault.revoke(place, soon())
        finally:
            postgres.start()
        is_still_in = is_let_in(words, postgres.port)
        last = vault.revoke(place, soon())

    assert first is Death.ACCEPTED
    assert caught.value.trouble is Trouble.ABANDONED
    assert is_still_in
    assert last in {Death.GONE, Death.ABSENT}
    assert not is_let_in(words, postgres.port)
