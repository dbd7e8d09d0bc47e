"""A credential of a real OpenBao outlives the broker that minted it: another renews and kills it.

All that another one has is what the ledger has, and whatever server of the cluster answers.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from backends.contract import Death, Place
from backends.errors import BackendError, NotMintedError, Trouble
from backends.vault import Vault
from backends.vault_options import VaultOptions
from tests.real.openbao_server import OpenBaoServer, furnish
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import (
    Signing,
    a_wish,
    accessor_of,
    in_seconds,
    is_let_in,
    minted,
    opened,
    options,
    soon,
    without_trail,
)

pytestmark = pytest.mark.real


def left_s(server: OpenBaoServer, accessor: str) -> int:
    """Say how long a credential's token goes on."""
    data = server.says("POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]
    return int(data["ttl"])


def test_another_broker_renews_what_it_has_not_minted(
    declared: VaultOptions, signing: Signing, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """The first is gone with all that it remembered; token and lease live on, and die together."""
    with opened(declared, signing.surroundings) as first:
        words, place = minted(first, ttl_s=20)
    with opened(declared, signing.surroundings) as second:
        renewed = second.renew(a_wish(), place, in_seconds(900), soon())

        (lease,) = openbao.leases()
        body = {"lease_id": f"database/creds/orders/{lease}"}
        lease_left = openbao.says("POST", "sys/leases/lookup", body)["data"]["ttl"]
        assert renewed.words == {}
        assert min(left_s(openbao, accessor_of(place)), lease_left) > 800
        assert is_let_in(words, postgres.port)
        assert second.revoke(place, soon()) is Death.GONE
    assert not is_let_in(words, postgres.port)


def test_what_the_ledger_knows_no_leases_of_is_not_renewed_and_dies(
    declared: VaultOptions, signing: Signing, postgres: PostgresServer
) -> None:
    """It was never active: nobody may use it, so nobody prolongs it."""
    with opened(declared, signing.surroundings) as first:
        words, place = minted(first, ttl_s=20)
    with opened(declared, signing.surroundings) as second:
        with pytest.raises(NotMintedError):
            second.renew(a_wish(), without_trail(place), in_seconds(900), soon())

        assert second.revoke(without_trail(place), soon()) in {Death.GONE, Death.ACCEPTED}
        assert second.revoke(place, soon()) in {Death.GONE, Death.ABSENT}
    assert not is_let_in(words, postgres.port)


@pytest.fixture(scope="module")
def pair(
    part: Callable[[str], Path], postgres_server: PostgresServer
) -> Iterator[tuple[OpenBaoServer, OpenBaoServer]]:
    """Two servers of one cluster on raft storage: the active one, and a standby."""
    active = OpenBaoServer(part("openbao"), on_disk=True)
    standby = OpenBaoServer(part("openbao"), on_disk=True, follows=active)
    try:
        active.start()
        furnish(active, postgres_server)
        standby.start()
        yield active, standby
    finally:
        standby.remove()
        active.remove()


def let_in(vault: Vault) -> tuple[Mapping[str, str], Place]:
    """Mint, when the standby has heard of the way to log in."""
    ends = time.monotonic() + 60
    while True:
        try:
            return minted(vault)
        except BackendError:
            assert time.monotonic() < ends
            time.sleep(0.1)


def sent_on(vault: Vault, place: Place) -> Death:
    """Kill, when the standby has found out who is the active one."""
    ends = time.monotonic() + 60
    while True:
        try:
            return vault.revoke(place, soon())
        except BackendError as error:
            if error.trouble is not Trouble.UNREACHABLE or time.monotonic() > ends:
                raise
            time.sleep(0.1)


def until_gone(vault: Vault, place: Place) -> None:
    """Kill as often as the broker does."""
    ends = time.monotonic() + 60
    while vault.revoke(place, soon()) not in {Death.GONE, Death.ABSENT}:
        assert time.monotonic() < ends
        time.sleep(0.1)


@pytest.mark.usefixtures("postgres")
def test_a_standby_mints_and_kills_and_confirms_nothing(
    pair: tuple[OpenBaoServer, OpenBaoServer], signing: Signing, postgres: PostgresServer
) -> None:
    """It sends on what it is told; what it does not know of may be there all the same."""
    active, standby = pair
    mount = signing.trusted_by(active)
    with (
        opened(options(standby, mount), signing.surroundings) as through_standby,
        opened(options(active, mount), signing.surroundings) as direct,
    ):
        words, place = let_in(through_standby)
        is_in = is_let_in(words, postgres.port)
        new_words, new_place = minted(direct)
        with suppress(BackendError):  # perhaps it has not heard of it yet
            assert through_standby.revoke(new_place, soon()) is Death.ACCEPTED

        assert through_standby.revoke(place, soon()) is Death.ACCEPTED
        until_gone(direct, place)
        until_gone(direct, new_place)
        with pytest.raises(BackendError):
            through_standby.inventory("", soon())
    assert is_in
    assert not is_let_in(words, postgres.port)
    assert not is_let_in(new_words, postgres.port)


def test_a_kill_goes_on_after_the_active_one_has_stepped_down(
    pair: tuple[OpenBaoServer, OpenBaoServer], signing: Signing, postgres: PostgresServer
) -> None:
    """The server that the broker asks is a standby by now, and later the active one again."""
    active, standby = pair
    with opened(options(active, signing.trusted_by(active)), signing.surroundings) as vault:
        words, place = minted(vault)
        active.step_down(standby)
        first = sent_on(vault, place)
        is_in = is_let_in(words, postgres.port)
        standby.step_down(active)
        until_gone(vault, place)
    assert (first, is_in) == (Death.ACCEPTED, False)
