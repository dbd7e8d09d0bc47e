"""An OpenBao on a disk is sealed, killed and restarted while it holds credentials."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from backends.contract import Death, Sighting
from backends.errors import BackendError, OtherTargetError, Trouble
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import Template
from tests.real.openbao_server import OpenBaoServer, furnish
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import Signing, a_wish, is_let_in, minted, opened, options, soon
from tests.real.vault_world import VaultWorld, Way, asking, open_vault_world

pytestmark = pytest.mark.real

DB = asking("bao-db")


@pytest.fixture(scope="module")
def on_disk(
    part: Callable[[str], Path], postgres_server: PostgresServer
) -> Iterator[OpenBaoServer]:
    """A server with raft storage and a seal."""
    server = OpenBaoServer(part("openbao"), on_disk=True)
    try:
        server.start()
        furnish(server, postgres_server)
        yield server
    finally:
        server.remove()


@pytest.fixture
async def world(
    single: SingleServer, tmp_path: Path, on_disk: OpenBaoServer
) -> AsyncIterator[VaultWorld]:
    """One broker that has it."""
    signer = Signer()
    template = Template(tmp_path / "template", signer)
    way = Way(on_disk, on_disk.url)
    async with open_vault_world(single, template, signer, tmp_path, way) as world:
        yield world


def test_a_sealed_vault_says_so_and_forgets_nothing(
    on_disk: OpenBaoServer, postgres: PostgresServer
) -> None:
    """Neither minting nor killing goes on; once it is open, both do, with the same login."""
    signing = Signing()
    declared = options(on_disk, signing.trusted_by(on_disk))
    with opened(declared, signing.surroundings) as vault:
        words, place = minted(vault)
        on_disk.seal()
        try:
            for ask in (vault.revoke, vault.look_up):
                with pytest.raises(BackendError) as caught:
                    ask(place, soon())
                assert caught.value.trouble is Trouble.SEALED
            with pytest.raises(BackendError) as refused:
                vault.locate(a_wish(), soon())
        finally:
            on_disk.unseal()

        assert refused.value.trouble is Trouble.SEALED
        assert is_let_in(words, postgres.port)
        assert vault.look_up(place, soon()) is Sighting.ALIVE
        assert vault.revoke(place, soon()) is Death.GONE
        assert signing.signed == 1
    assert not is_let_in(words, postgres.port)


def test_a_vault_that_was_killed_is_the_same_one(
    on_disk: OpenBaoServer, postgres: PostgresServer
) -> None:
    """Its credentials are there, and die; another one knows nothing of them."""
    signing = Signing()
    declared = options(on_disk, signing.trusted_by(on_disk))
    with opened(declared, signing.surroundings) as vault:
        words, place = minted(vault)
        on_disk.kill()
        with pytest.raises(BackendError) as caught:
            vault.revoke(place, soon())
        on_disk.start()

        assert caught.value.trouble is Trouble.UNREACHABLE
        assert vault.revoke(place, soon()) is Death.GONE
    assert not is_let_in(words, postgres.port)


def test_another_vault_at_its_address_is_not_believed(
    on_disk: OpenBaoServer, openbao: OpenBaoServer
) -> None:
    """What it does not know may live at the one that was recorded."""
    signing = Signing()
    with opened(options(on_disk, signing.trusted_by(on_disk)), signing.surroundings) as vault:
        _, place = minted(vault)
        other = options(openbao, signing.trusted_by(openbao))
        with opened(other, signing.surroundings) as stranger:
            for ask in (stranger.revoke, stranger.look_up):
                with pytest.raises(OtherTargetError):
                    ask(place, soon())
        assert vault.revoke(place, soon()) is Death.GONE


async def test_a_seal_in_the_middle_delays_a_kill_and_loses_none(
    world: VaultWorld, on_disk: OpenBaoServer, postgres: PostgresServer
) -> None:
    """The receipt says why it waits; tokens of ours go on; the end is confirmed once it is open."""
    task, bystander = await world.task_for("bao-db"), await world.task_for("bao-db")
    issued = await world.issue(task, **DB)
    on_disk.seal()
    try:
        await world.end(task)
        waiting = await world.until_receipt(task, issued["id"], "pending")
        refused = await world.ask(bystander, **DB)
        token = await world.issue(bystander)
        is_active = await world.is_active(token["access_token"])
    finally:
        on_disk.unseal()
    await world.until_receipt(task, issued["id"], "confirmed")

    assert "sealed" in waiting["detail"]
    assert waiting["next_attempt_at"] is not None
    assert "target bao, capability bao-db: sealed" in refused["detail"]
    assert is_active
    assert not is_let_in(issued["secret"], postgres.port)
    assert on_disk.accessors() == []
    assert on_disk.leases() == []
