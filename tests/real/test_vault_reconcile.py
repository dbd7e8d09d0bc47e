"""Ledger and a real OpenBao are compared: whose a token is, who revoked it, who left it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from tests.fakes.issuer import Signer
from tests.fakes.reconcile_command import Command, differing, write_down
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import Template
from tests.real.database_world import is_cut_off
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import is_let_in, login
from tests.real.vault_world import SECRETS, VaultWorld, Way, asking, open_vault_world

pytestmark = pytest.mark.real

SURE = ("--kill", "--yes", "--reason", "a test")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again after a moment: what a test leaves is under way for no longer."""
    monkeypatch.setattr("broker.comparing.second_look_ms", lambda target: 100)  # noqa: ARG005


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    openbao: OpenBaoServer,
) -> AsyncIterator[VaultWorld]:
    """One broker that has it, and files that a command can read."""
    way = Way(openbao, openbao.url)
    async with open_vault_world(single, template, signer, tmp_path, way) as world:
        write_down(world)
        yield world


@pytest.fixture
def command(world: VaultWorld, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command over it."""
    return Command(world, capsys)


async def issued(world: VaultWorld, name: str = "bao-db") -> dict[str, Any]:
    """Mint one, for a task of its own."""
    return await world.issue(await world.task_for(name), **asking(name))


async def test_only_what_leaves_a_token_is_looked_for(world: VaultWorld, command: Command) -> None:
    """What dies of age, or never, has none: it is not missing."""
    for name in SECRETS:
        await issued(world, name)

    code, told = await command.run()

    assert (code, told["differences"]) == (exits.OK, [])
    assert (told["targets"][0]["seen"], told["targets"][0]["known"]) == (2, 2)


async def test_what_a_restored_ledger_does_not_know_is_ended_with_all_below_it(
    world: VaultWorld, command: Command, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """The token, its database credential and the session; what people have made is left alone."""
    backup = world.single.back_up()
    since = await issued(world)
    await world.stop()
    world.single.restore(backup)
    theirs = openbao.says("POST", "auth/token/create", {"meta": {"jit_epoch": "x"}})["auth"]
    by_hand = openbao.says("POST", "auth/token/create/jit", {"policies": ["jit-orders"]})["auth"]
    openbao.says("POST", "auth/token/renew-accessor", {"accessor": by_hand["accessor"]})
    with login(since["secret"], postgres.port) as connection:
        code, shown = await command.run("bao")
        kinds = differing(shown)
        assert (code, sorted(kinds.values())) == (exits.REFUSED, ["orphan", "unmarked"])
        assert kinds[by_hand["accessor"]] == "unmarked"

        code, done = await command.run("bao", "--kill", shown["digest"], "--reason", "restored")

        outcomes = sorted(each["outcome"] for each in done["differences"])
        assert (code, outcomes) == (exits.OK, ["", "confirmed"])
        assert is_cut_off(connection)
    assert not is_let_in(since["secret"], postgres.port)
    assert openbao.leases() == []
    assert openbao.knows(theirs["accessor"])
    assert openbao.knows(by_hand["accessor"])
    for auth in (theirs, by_hand):
        openbao.says("POST", "auth/token/revoke-accessor", {"accessor": auth["accessor"]})


async def test_a_token_that_somebody_revoked_ends_its_lease_by_order(
    world: VaultWorld, command: Command, openbao: OpenBaoServer
) -> None:
    """Another one goes on."""
    mine = await issued(world)
    (accessor,) = openbao.accessors()
    kept = await issued(world)
    openbao.says("POST", "auth/token/revoke-accessor", {"accessor": accessor})

    code, told = await command.run()
    assert (code, [*differing(told).values()]) == (exits.REFUSED, ["missing"])
    assert (await command.run(*SURE))[0] == exits.OK

    await world.until_receipt(mine["task"], mine["id"], "confirmed")
    (told,) = (await command.run())[1]["targets"]
    assert (told["seen"], told["known"]) == (1, 1)
    await world.end(kept["task"])
    await world.until_receipt(kept["task"], kept["id"], "confirmed")


async def test_a_broker_that_may_not_list_says_so(
    world: VaultWorld, command: Command, openbao: OpenBaoServer
) -> None:
    """The way to it is a policy of the owner's; nothing else needs it."""
    await issued(world)
    path = "sys/policies/acl/jit-broker"
    policy = openbao.says("GET", path)["data"]["policy"]
    openbao.says("POST", path, {"policy": policy.replace("auth/token/accessors", "nothing")})

    code, told = await command.run()
    openbao.says("POST", path, {"policy": policy})

    assert code == exits.UNAVAILABLE
    assert told["targets"][0]["trouble"].startswith("refused: auth/token/accessors: 403")
